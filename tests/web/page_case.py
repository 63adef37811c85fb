"""What the tests of the page share: a mock server, a browser for all tests of a program, a page for each."""
import re, shutil, sys, time, unittest

from playwright.sync_api import expect, sync_playwright

from mock_server import MockServer

started = {}
patience = 60  # seconds: for what takes some milliseconds where the machine has nothing else to do
full = """(() => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (value) { throw new DOMException('full', 'QuotaExceededError'); };
  window.mend = () => { IDBObjectStore.prototype.put = put; };
})()"""  # from here on the storage is full, until mend()
expect.set_options(timeout=1000 * patience)


def browser():
    if not started:
        started["playwright"] = sync_playwright().start()
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        started["browser"] = started["playwright"].chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
                                                                     timeout=2000 * patience)
    return started["browser"]


def close_browser():
    if started:
        started["browser"].close()
        started["playwright"].stop()
        started.clear()


class PageCase(unittest.TestCase):
    """self.page is open on self.mock's address; an error on the page, or a blocked injection that ran, fails the test."""
    options = {"service_workers": "block"}
    allowed_errors = ()  # regular expressions

    def setUp(self):
        self.mock = MockServer()
        self.addCleanup(lambda: (self.mock.stop(), self.mock.place.close()))  # whichever it is by then, also where the test went wrong
        self.context = browser().new_context(**{"viewport": {"width": 1280, "height": 800}, **self.options})
        self.addCleanup(self.context.close)
        self.context.set_default_timeout(1000 * patience)
        # Lines that go away by themselves after some seconds stay as long as a slow machine may need to look at them.
        self.context.add_init_script(f"window.setInterval = ((usual) => (act, wait) => usual(act, {patience} * wait))(window.setInterval);")
        self.errors = []
        self.page = self.open_page()

    def open_page(self, address=""):
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" and "Failed to load resource" not in message.text else None)
        page.goto(self.mock.url + address)
        self.wait("document.querySelector('#model')?.value", page)
        return page

    def tearDown(self):
        if self.page and not self.page.is_closed():
            self.assertIsNone(self.page.evaluate("window.hacked ?? null"))
        self.context.close()
        self.mock.stop()
        left = [error for error in self.errors if not any(re.search(one, error) for one in self.allowed_errors)]
        self.assertEqual(left, [])

    def say(self, text, page=None):
        page = page or self.page
        page.fill("#input", text)
        page.press("#input", "Enter")

    def ask(self, text, page=None):
        page = page or self.page
        self.say(text, page)
        self.idle(page)

    def idle(self, page=None):
        expect((page or self.page).locator("#stop")).to_be_hidden()

    def texts(self, selector, page=None):
        return (page or self.page).locator(selector).all_text_contents()

    def users(self):
        return self.texts(".message.user .text")

    def answers(self):
        return self.texts(".message.assistant .text")

    def sent(self, at=-1):
        return [(message["role"], message["content"]) for message in self.mock.requests[at]["messages"]]

    def settle(self, page=None):
        """Until what was said is written down and the list of conversations drawn: an answer has ended before that. When another window tells of a change, the
        page reads the open conversation again and shows it anew, after all of its own writing; console lines and errors are then gone."""
        page = page or self.page
        page.evaluate("""() => {
          document.querySelector('.thread').dataset.before = '';
          const channel = new BroadcastChannel('lathe');
          channel.postMessage(location.hash.slice(1));
          channel.close();
        }""")
        self.wait("!('before' in document.querySelector('.thread').dataset)", page)

    def open_listed(self, selector, page=None):
        """Clicks on a conversation of the list, and waits until it is the open one."""
        page = page or self.page
        page.click(selector)
        expect(page.locator(selector)).to_have_attribute("aria-current", "page")

    def wait(self, condition, page=None, seconds=patience):
        """Until the expression is true or resolves to true. Not Playwright's own: the page's policy forbids what that evaluates."""
        end = time.time() + seconds
        while not (page or self.page).evaluate(condition):
            self.assertLess(time.time(), end, condition)
            time.sleep(0.02)


def run():
    """The tests of the calling program, by name where names are given; ends it with the right status."""
    program = unittest.main("__main__", argv=sys.argv, exit=False, verbosity=2)
    close_browser()
    sys.exit(not program.result.wasSuccessful())
