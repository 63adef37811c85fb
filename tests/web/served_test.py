"""The page against the real server: `lathe serve` with a small trained model, when both are there (LATHE, LATHE_CHAT_BASE, LATHE_CHAT_TAG)."""
import json, os, pathlib, re, signal, subprocess, tempfile, time, unittest, urllib.request

from playwright.sync_api import expect

import page_case
from mock_server import hold
from page_case import PageCase, run

program, base = os.environ.get("LATHE", ""), os.environ.get("LATHE_CHAT_BASE", "")
tag = ["--tag", os.environ["LATHE_CHAT_TAG"]] if "LATHE_CHAT_TAG" in os.environ else []


class RealServer:
    """Stands where the mock stands."""

    def __init__(self, port=0, *flags):
        self.place, port = hold(port)
        self.folder = tempfile.TemporaryDirectory()
        self.log = open(self.folder.name + "/log", "w+")
        self.process = subprocess.Popen([program, "serve", "--base-dir", base, *tag, "--port", str(port), *flags], stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(1200):
            found = re.search(r"http://127\.0\.0\.1:(\d+)", pathlib.Path(self.log.name).read_text())
            if found:
                self.port, self.url = int(found[1]), found[0]
                try:
                    if json.load(urllib.request.urlopen(self.url + "/health", timeout=5)).get("ready"):
                        return
                except OSError:
                    pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        said = pathlib.Path(self.log.name).read_text()[-2000:]
        self.stop()
        raise AssertionError("lathe serve did not start: " + said)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        self.folder.cleanup()


@unittest.skipUnless(program and base, "no LATHE or LATHE_CHAT_BASE")
class Served(PageCase):
    def setUp(self):
        self.addCleanup(setattr, page_case, "MockServer", page_case.MockServer)
        page_case.MockServer = RealServer
        super().setUp()

    def short(self):
        self.page.keyboard.press("Alt+S")
        self.page.fill("#set-max_tokens", "24")
        self.page.fill("#set-temperature", "0")
        self.page.keyboard.press("Escape")

    def length(self, tokens):
        """Answers have so many tokens from here on: what the small model says may well be its end at once, or spaces alone."""
        def asked(route):
            self.asked = route.request.post_data_json
            route.continue_(post_data=json.dumps({**self.asked, "ignore_eos": True, "max_tokens": tokens}))
        self.page.route("**/v1/chat/completions", asked)

    def test_asks_continues_branches_and_shows_tokens(self):
        page = self.page
        self.short()
        self.length(24)
        self.ask("What is 12 + 30?")
        self.assertEqual((self.asked["max_tokens"], self.asked["temperature"]), (24, 0))
        self.assertEqual(self.texts(".error"), [])
        first = self.answers()[0]
        self.assertTrue(first.strip())
        self.assertRegex(self.texts(".figures")[-1], r"tokens · first after|tokens/s")
        page.click("#tokens")
        page.locator(".entry.assistant [data-act=again]").click()
        self.idle()
        self.assertEqual(self.texts(".error"), [])
        self.assertGreater(page.locator(".token").count(), 1)
        page.locator(".token").first.hover()
        expect(page.locator(".alternatives button")).to_have_count(5)
        page.locator(".alternatives button:not(:disabled)").first.click()
        self.idle()
        self.assertEqual(self.texts(".error"), [])
        self.assertEqual(self.texts(".branches"), ["3/3"])

    def test_stop_and_a_killed_server(self):
        page = self.page
        self.length(1000)
        self.say("Tell me a long story.")
        self.wait("document.querySelector('.message.assistant .text')?.textContent.length > 0")
        page.keyboard.press("Escape")
        self.idle()
        page.unroute("**/v1/chat/completions")
        port = self.mock.port
        self.mock.stop()
        self.ask("Are you there?")
        expect(page.locator("#banner")).to_contain_text("The server is away")
        self.mock = RealServer(port)
        expect(page.locator("#banner")).to_be_empty()
        self.short()
        page.click(".notes .error button")
        self.idle()
        self.assertEqual(self.texts(".notes .error"), [])

    def test_a_server_with_a_key(self):
        port = self.mock.port
        self.mock.stop()
        self.mock = RealServer(port, "--api-key", "a-secret-of-the-test")
        self.page.reload()
        self.page.fill("dialog input", "a-secret-of-the-test")
        self.page.press("dialog input", "Enter")
        expect(self.page.locator("dialog")).to_have_count(0)
        self.wait("document.querySelector('#model').value !== ''")
        self.short()
        self.length(24)
        self.ask("What is 1 + 2?")
        self.assertEqual(self.texts(".error"), [])
        self.assertEqual(len(self.answers()), 1)


if __name__ == "__main__":
    run()
