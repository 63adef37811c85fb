"""Nothing that a model, a server or a file says becomes part of the page; what is kept stays kept, and what can't be is told."""
import json, pathlib, tempfile

from playwright.sync_api import expect

from page_case import PageCase, full, patience, run

attacks = ["<img src=x onerror=\"hacked=1\">", "<script>hacked=1</script>", "<svg onload=hacked=1>", "<svg><a xlink:href=\"javascript:hacked=1\">x</a></svg>", "<math href=\"javascript:hacked=1\">x</math>",
           "<iframe srcdoc=\"<script>parent.hacked=1</script>\">", "[x](javascript:hacked=1)", "[x](JaVaScRiPt:hacked=1)", "[x](java\tscript:hacked=1)", "[x](data:text/html,<script>hacked=1</script>)", "[x](vbscript:x)",
           "![x](javascript:hacked=1)", "![x](https://example.invalid/track.png)", "<javascript:hacked=1>", "[x](&#106;avascript:hacked=1)", "[a](https://x.org\"onmouseover=\"hacked=1)", "`<img src=x onerror=hacked=1>`",
           "```<img src=x onerror=hacked=1>\n<img src=x onerror=hacked=1>\n```", "$\\href{javascript:hacked=1}{x}$", "$\\text{<img src=x onerror=hacked=1>}$", "$$\\begin{<img src=x onerror=hacked=1>}x\\end{y}$$",
           "|<img src=x onerror=hacked=1>|b|\n|--|--|\n|<svg onload=hacked=1>|c|", "<|python_start|><img src=x onerror=hacked=1><|python_end|><|output_start|><svg onload=hacked=1><|output_end|>",
           "\ue0000\ue001 \ue0005\ue001", "<style>*{display:none}</style>", "<base href=//example.invalid>", "<form action=javascript:hacked=1><button>x</button></form>", "&lt;img src=x onerror=hacked=1&gt;"]
forbidden = "script:not([src]), img:not([src='/logo.svg']), iframe, object, embed, style, base, foreignObject, .messages svg a, .message form, [onerror], [onload], [onmouseover], a[href^='javascript' i], a[href^='data' i], math [href], [srcdoc]"


class Safety(PageCase):
    allowed_errors = ("Content Security Policy", "TrustedHTML", "TrustedScript")

    def expect_harmless(self):
        self.assertEqual(self.page.locator(forbidden).count(), 0)
        for address in self.page.locator("#threads a").evaluate_all("(links) => links.map((link) => [link.protocol, link.rel, link.target])"):
            self.assertIn(address[0], ("http:", "https:", "mailto:"))
            self.assertEqual(address[1:], ["noopener noreferrer nofollow", "_blank"])

    # C-11.32, C-11.33
    def test_trap_s12_model_text_is_never_html(self):
        requested = []
        self.page.on("request", lambda request: requested.append(request.url))
        for i, attack in enumerate(attacks):
            self.mock.answers[f"attack {i}"] = list(attack)
            self.ask(f"attack {i}")
        self.ask("html")
        self.expect_harmless()
        self.assertIn('<img src=x onerror="hacked=1"><script>hacked=1</script><b>b</b>', self.answers()[-1])
        self.mock.answers["all"] = "\n\n".join(attacks)
        self.ask("all")
        for attack in attacks[:6]:
            self.ask(attack)
        self.expect_harmless()
        self.assertEqual([url for url in requested if not url.startswith(self.mock.url)], [])
        self.page.click("#tokens")
        self.ask("html")
        self.page.hover(".token")
        self.expect_harmless()

    def test_trap_s12_titles_names_and_errors_are_text(self):
        evil = "<img src=x onerror=hacked=1>**b**"
        self.mock.info.update(models=[evil, "javascript:hacked=1"], default_model=evil, dashboard="javascript:hacked=1", report="data:text/html,<script>hacked=1</script>")
        self.mock.health = {"status": "error", "ready": False, "reason": evil}
        self.page.reload()
        expect(self.page.locator("#banner .error")).to_contain_text(evil)
        self.mock.health = {"status": "ok", "ready": True}
        self.wait("document.querySelector('#model').value.startsWith('<img')")
        self.page.click("#compare")
        self.ask(evil)
        self.assertEqual(self.texts(".lane-name")[0], evil)
        expect(self.page.locator(".conversation .open")).to_have_text([evil])
        self.assertTrue(self.page.title().startswith(evil))
        self.ask("call")
        self.ask("broken")
        self.ask("<b>refuse</b>")
        self.expect_harmless()
        self.settle()
        self.page.hover(".conversation")
        self.page.click(".conversation .delete")
        expect(self.page.locator(".toast")).to_contain_text(evil)
        self.expect_harmless()
        self.assertEqual(self.page.locator("#tabs a, iframe").count(), 0)

    # C-11.9
    def test_the_policy_stops_html_even_if_the_page_made_some(self):
        self.assertRaises(Exception, self.page.evaluate, "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=hacked=1>')")
        self.assertRaises(Exception, self.page.evaluate, "document.querySelector('#welcome').innerHTML = '<b>x</b>'")
        self.assertRaises(Exception, self.page.evaluate, "document.createElement('img').setAttribute('onerror', 'hacked=1')")

    def test_no_source_of_the_page_makes_html(self):
        for file in (pathlib.Path(__file__).resolve().parents[2] / "web").iterdir():
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment", "eval(", "new Function", "setHTML", "style=\""):
                self.assertNotIn(word, file.read_text(), f"{word} in {file.name}")


class Storage(PageCase):
    def import_text(self, text, name="in.json", seconds=patience):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.write_text(text)
            self.page.set_input_files("#import-file", str(path))
            self.wait("document.querySelector('.toast span')?.textContent.includes('imported')", seconds=seconds)
            return self.page.text_content(".toast span")

    def test_conversations_survive_a_reload(self):
        self.ask("first question")
        self.page.click("[data-act=again] >> nth=-1")
        self.idle()
        self.ask("second question")
        expect(self.page.locator(".conversation")).to_have_count(1)
        self.settle()
        self.page.reload()
        self.wait("document.querySelectorAll('.message').length === 4")
        self.assertEqual(self.users(), ["first question", "second question"])
        self.assertEqual(self.texts(".branches"), ["2/2"])
        self.assertEqual(self.page.title(), "first question - lathe")
        self.page.click("[aria-label='Previous branch']")
        self.assertEqual(self.users(), ["first question"])

    def test_search_rename_delete_and_undo(self):
        page = self.page
        for text in ("about foxes", "about numbers", "third thing"):
            page.click("#new")
            self.ask(text)
        self.settle()
        page.fill("#search", "said: numbers".split()[1])
        expect(page.locator(".conversation")).to_have_count(1)
        page.fill("#search", "nowhere")
        expect(page.locator("#conversations")).to_have_text("Nothing found")
        page.fill("#search", "")
        expect(page.locator(".conversation")).to_have_count(3)
        page.focus(".conversation .open >> nth=0")
        page.keyboard.press("F2")
        page.keyboard.type("My title")
        page.keyboard.press("Enter")
        expect(page.locator(".conversation .open").nth(0)).to_have_text("My title")
        self.assertEqual(page.title(), "My title - lathe")
        self.ask("goes on")
        self.settle()
        expect(page.locator(".conversation .open").nth(0)).to_have_text("My title")
        page.focus(".conversation .open >> nth=0")
        page.keyboard.press("Delete")
        expect(page.locator(".conversation")).to_have_count(2)
        self.assertEqual(self.users(), [])
        page.click(".toast >> text=Undo")
        expect(page.locator(".conversation")).to_have_count(3)
        self.open_listed(".conversation .open >> text=My title")
        expect(page.locator(".message.user")).to_have_count(2)

    def test_a_deleted_conversation_is_not_brought_back_by_what_was_still_to_be_written(self):
        page = self.page
        self.ask("kept")
        page.click("#new")
        self.ask("goes")
        self.settle()
        # Each writing takes its time now, so that some are waiting when the conversation goes.
        page.evaluate("""() => {
          const begin = IDBDatabase.prototype.transaction, until = (time) => { while (performance.now() < time); };
          IDBDatabase.prototype.transaction = function (...all) { if (all[1] === 'readwrite') until(performance.now() + 150); return begin.apply(this, all); };
        }""")
        page.evaluate("""() => {
          for (let i = 0; i < 4; ++i) document.querySelector('#tokens').click();
          document.querySelector('.conversation[data-id="' + location.hash.slice(1) + '"] .delete').click();
        }""")
        expect(page.locator(".toast")).to_contain_text("Deleted")
        self.ask("afterwards")
        self.settle()
        page.reload()
        expect(page.locator(".conversation .open")).to_have_text(["afterwards", "kept"])

    def test_the_list_keeps_its_buttons_while_an_answer_is_written_down(self):
        page = self.page
        self.ask("one")
        page.click("#new")
        self.ask("two")
        self.settle()
        page.evaluate("window.before = [...document.querySelectorAll('.conversation .open')]")
        self.ask("more of two")
        self.settle()
        self.assertEqual(page.evaluate("[before.length, before.every((button) => button.isConnected)]"), [2, True])

    def test_export_and_import_give_the_same_back(self):
        page = self.page
        page.click("#tokens")
        self.ask("question | one")
        page.click("[data-act=again] >> nth=-1")
        self.idle()
        self.ask("call")
        self.settle()
        with page.expect_download() as download:
            page.click("#export")
        text = pathlib.Path(download.value.path()).read_text()
        before = json.loads(text)["conversations"][0]
        page.focus(".conversation .open")
        page.keyboard.press("Delete")
        expect(page.locator(".toast")).to_contain_text("Deleted")
        self.assertEqual(self.import_text(text), "One conversation was imported")
        expect(page.locator(".message.user")).to_have_count(2)
        self.assertEqual(self.texts(".branches"), ["2/2"])
        with page.expect_download() as download:
            page.click("#export")
        after = json.loads(pathlib.Path(download.value.path()).read_text())["conversations"][0]
        for conversation in (before, after):
            del conversation["id"]
        self.assertEqual(before, after)
        page.click("#more")
        with page.expect_download() as download:
            page.click("text=Export as Markdown")
        self.assertEqual(download.value.suggested_filename, "question-one.md")
        self.assertTrue(pathlib.Path(download.value.path()).read_text().startswith("# question | one\n\n## You\n\nquestion | one\n\n## Model\n\nYou said: question | one\n\n## You\n\ncall\n"))

    def test_damaged_and_hostile_files_are_refused(self):
        node = lambda **more: {"id": 1, "parent": 0, "role": "user", "content": "x", **more}
        def file(nodes=None, **more):
            return json.dumps({"format": "lathe conversations", "version": 1, "conversations": [{"title": "t", "settings": {}, "lanes": [{"model": "m", "nodes": [{"content": ""}, *(nodes or [])]}], **more}]})
        for text, part in [
            ("not json", "is not JSON"), ("[]", "no conversations"), ("null", "no conversations"), ('{"format": "lathe conversations", "version": 9, "conversations": []}', "newer version"),
            (file(title=5), "conversations[0].title"), (file(lanes=[]), ".lanes"), (file([node(parent=1)]), "nodes[1].parent"), (file([node(parent=-1)]), "nodes[1].parent"), (file([node(parent=0.5)]), "nodes[1].parent"),
            (file([node(role="system")]), "nodes[1].role"), (file([node(content={})]), "nodes[1].content"), (file([node(calls=[{"id": 1}])]), "nodes[1].calls"), (file([node(tokens=[{"text": "x"}])]), "nodes[1].tokens"),
            (file(settings={"temperature": "hot"}), "settings.temperature"), (file(settings={"temperature": 99}), "settings.temperature"), (file(settings={"evil": 1}), "settings.evil"), (file(settings={"tools": "[{]"}), "settings.tools"), (file(settings=[]), "settings"),
            (file()[:-20], "is not JSON"), ('{"format": "lathe conversations", "version": 1, "conversations": [{"__proto__": {"title": "t"}}]}', "title"),
            ('{"format": "lathe conversations", "version": 1, "conversations": [' + file()[len('{"format": "lathe conversations", "version": 1, "conversations": ['):-2] + ", null]}", "conversations[1]"),
        ]:
            said = self.import_text(text)
            self.assertTrue(said.startswith("Nothing was imported."), text)
            self.assertIn(part, said)
            expect(self.page.locator(".conversation")).to_have_count(0)
            self.page.click(".toast [aria-label=Dismiss]")
        self.assertIsNone(self.page.evaluate("({}).title ?? null"))
        evil = "<img src=x onerror=hacked=1>"
        self.import_text(file([node(content=evil), node(parent=1, role="assistant", content=evil, calls=[{"id": evil, "name": evil, "arguments": evil}], finish=evil)], title=evil, id="../evil"))
        expect(self.page.locator(".message.user .text")).to_have_text(evil)
        self.assertEqual(self.page.locator(".message img, .conversation img, .toast img").count(), 0)

    def test_full_storage_is_told_and_the_page_goes_on(self):
        self.ask("kept")
        self.page.evaluate(full)
        self.ask("more")
        expect(self.page.locator("#trouble")).to_contain_text("storage is full")
        self.assertEqual(self.answers()[-1], "You said: more")
        self.page.click("#new")
        self.ask("in memory only")
        expect(self.page.locator(".conversation")).to_have_count(2)
        self.open_listed(".conversation .open >> text=kept")
        expect(self.page.locator(".message.user")).to_have_count(2)

    def test_a_browser_that_keeps_nothing(self):
        self.page.close()
        self.context.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };")
        self.page = self.open_page()
        expect(self.page.locator("#trouble")).to_contain_text("keeps nothing")
        self.ask("hello")
        self.assertEqual(self.answers(), ["You said: hello"])
        expect(self.page.locator(".conversation")).to_have_count(1)

    def test_a_browser_that_keeps_no_key_uses_it_until_a_reload(self):
        self.page.close()
        self.context.add_init_script("Object.defineProperty(window, 'sessionStorage', { get: () => { throw new DOMException('no', 'SecurityError'); } });")
        self.mock.key = "s3cret"
        self.page = self.context.new_page()
        self.page.goto(self.mock.url)
        self.page.fill("dialog input", "s3cret")
        self.page.press("dialog input", "Enter")
        expect(self.page.locator("dialog")).to_have_count(0)
        self.wait("document.querySelector('#model').value === 'tiny'")
        self.ask("hello")
        self.assertEqual(self.answers(), ["You said: hello"])

    def test_five_hundred_conversations(self):
        made = [{"title": f"Conversation {i}", "created": 1.6e12 + i, "updated": 1.6e12 + i, "settings": {}, "lanes": [{"model": "", "nodes": [{"content": ""}, {"parent": 0, "role": "user", "content": f"needle{i} " + "text " * 200}]}]} for i in range(500)]
        self.import_text(json.dumps({"format": "lathe conversations", "version": 1, "conversations": made}), seconds=3 * patience)
        expect(self.page.locator(".conversation")).to_have_count(500)
        self.page.reload()
        # Until the conversation of the address is open, too: that draws the list once more.
        self.wait("document.querySelectorAll('.conversation').length === 500 && document.querySelector('.conversation .open[aria-current]') !== null")
        # Fast is: each conversation is read once. How long that takes is the machine's affair, but it ends.
        reads = self.page.evaluate("""async (milliseconds) => {
          const get = IDBObjectStore.prototype.get, begun = performance.now();
          let reads = 0;
          IDBObjectStore.prototype.get = function (...words) { ++reads; return get.apply(this, words); };
          const search = document.querySelector('#search');
          search.value = 'needle250';
          search.dispatchEvent(new Event('input'));
          const found = () => document.querySelectorAll('.conversation').length === 1;
          while (!found() && performance.now() - begun < milliseconds) await new Promise((done) => setTimeout(done, 5));
          IDBObjectStore.prototype.get = get;
          return found() ? reads : Infinity;
        }""", 1000 * patience)
        self.assertLessEqual(reads, 500)
        self.open_listed(".conversation .open")
        expect(self.page.locator(".message.user")).to_contain_text("needle250")

    def test_a_title_that_is_being_typed_outlasts_an_answer(self):
        page = self.page
        self.ask("kept")
        self.mock.pause = 0.02
        self.mock.answers["long"] = ["word "] * 40
        self.say("long")
        page.focus(".conversation .open")
        page.keyboard.press("F2")
        page.keyboard.type("Half a ti")
        self.idle()
        page.evaluate("new BroadcastChannel('lathe').postMessage('x')")
        page.wait_for_timeout(100)
        page.keyboard.type("tle")
        page.keyboard.press("Enter")
        expect(page.locator(".conversation .open")).to_have_text("Half a title")

    def test_names_of_exported_files_are_only_letters_and_digits(self):
        names = self.page.evaluate("""async () => {
          const { fileName } = await import('/transfer.js');
          return ['../../etc/passwd', '.hidden', 'a\\u202Egnp.exe', '\\u0939\\u093F\\u0928\\u094D\\u0926\\u0940', '\\ud835\\udc00'.repeat(90), '???', 'x'.repeat(300)].map((title) => fileName(title, 'md'));
        }""")
        self.assertEqual(names, ["etc-passwd.md", "hidden.md", "a-gnp-exe.md", "\u0939\u093f\u0928\u094d\u0926\u0940.md", "\U0001d400" * 60 + ".md", "conversation.md", "x" * 60 + ".md"])


if __name__ == "__main__":
    run()
