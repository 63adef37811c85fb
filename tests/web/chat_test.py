"""Chat as a person uses it: asking, commands, editing, branches, errors."""
import json, threading, time

from playwright.sync_api import expect

from mock_server import MockServer, endless
from page_case import PageCase, patience, run


class Chat(PageCase):
    # C-11.26, C-11.35
    def test_starts_ready_to_ask(self):
        page = self.page
        self.assertEqual(page.title(), "lathe")
        self.assertEqual(self.texts("h1"), ["lathe"])
        self.assertIn("Ctrl+Shift+N", page.get_attribute("header #new", "title"))
        self.assertEqual(page.evaluate("document.activeElement.id"), "input")
        self.assertTrue(page.get_attribute("#input", "placeholder").startswith("Ask"))
        self.assertEqual(page.evaluate("getComputedStyle(document.querySelector('#form')).maxWidth"), "768px")
        self.assertEqual(page.evaluate("document.querySelector('#input').rows"), 1)
        expect(page.locator("#send")).to_be_disabled()
        page.fill("#input", "   ")
        expect(page.locator("#send")).to_be_disabled()
        page.fill("#input", "x")
        expect(page.locator("#send")).to_be_enabled()
        self.assertEqual(page.locator(".error").count(), 0)

    # C-11.27
    def test_input_grows_and_enter_sends(self):
        page = self.page
        height = lambda: page.evaluate("document.querySelector('#input').offsetHeight")
        one = height()
        page.fill("#input", "a\nb\nc")
        self.assertGreater(height(), one)
        page.fill("#input", "a\n" * 60)
        self.assertLessEqual(height(), 200)
        page.fill("#input", "")
        page.type("#input", "a")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("b")
        self.assertEqual(page.input_value("#input"), "a\nb")
        self.assertEqual(self.mock.requests, [])
        page.keyboard.press("Enter")
        self.idle()
        self.assertEqual(self.users(), ["a\nb"])
        self.assertEqual(page.input_value("#input"), "")
        page.keyboard.press("Control+Shift+N")
        self.assertEqual(self.users(), [])
        self.ask("b")
        page.keyboard.press("Alt+N")
        self.assertEqual(self.users(), [])

    # C-11.28
    def test_sends_history_and_settings(self):
        self.ask("first")
        body = self.mock.requests[0]
        self.assertEqual((body["temperature"], body["top_k"], body["max_tokens"], body["model"], body["stream"]), (0.8, 50, 512, "tiny", True))
        self.ask("second")
        self.assertEqual(self.sent(), [("user", "first"), ("assistant", "You said: first"), ("user", "second")])

    # C-11.29
    def test_slash_commands(self):
        said = lambda: self.texts(".console")[-1]
        for line, expected in [("/temperature", "Temperature is 0.8"), ("/TEMPERATURE 1.5 and more", "Temperature set to 1.5"), ("/temperature 1.25x", "Temperature set to 1.25"),
                               ("/topk", "Top-k is 50"), ("/topk 7", "Top-k set to 7")]:
            self.say(line)
            self.assertEqual(said(), expected)
        for line, part in [("/temperature 2.5", "between 0 and 2"), ("/temperature warm", "between 0 and 2"), ("/topk 0", "between 1 and 200"), ("/topk 201", "between 1 and 200"), ("/frob 3", "Unknown command: /frob")]:
            self.say(line)
            self.assertIn(part, said())
            self.assertEqual(self.page.input_value("#input"), "")
        self.say("/help")
        for form in ("/temperature [0-2]", "/topk [1-200]", "/clear", "/help"):
            self.assertIn(form, said())
        self.assertEqual(self.mock.requests, [])
        self.ask("hi")
        self.assertEqual((self.mock.requests[0]["temperature"], self.mock.requests[0]["top_k"], len(self.sent())), (1.25, 7, 1))
        self.say("/clear")
        expect(self.page.locator(".message, .console")).to_have_count(0)

    # C-11.30, C-11.31
    def test_editing_a_question_makes_a_branch_and_console_lines_stay_with_their_message(self):
        page = self.page
        self.ask("one")
        self.say("/help")
        self.ask("two")
        self.ask("three")
        self.assertTrue(page.get_attribute(".message.user >> nth=1", "title"))
        page.click(".message.user .text >> nth=1")
        self.assertEqual(page.input_value(".editor textarea"), "two")
        page.fill(".editor textarea", "TWO")
        page.press(".editor textarea", "Enter")
        self.idle()
        self.assertEqual(self.users(), ["one", "TWO"])
        self.assertEqual(self.sent(), [("user", "one"), ("assistant", "You said: one"), ("user", "TWO")])
        self.assertEqual(len(self.texts(".console")), 1)
        self.assertEqual(self.texts(".entry.user .branches"), ["2/2"])
        page.click("[aria-label='Previous branch']")
        self.assertEqual(self.users(), ["one", "two", "three"])
        page.click("[aria-label='Next branch']")
        self.assertEqual(self.users(), ["one", "TWO"])
        page.click(".message.user .text >> nth=0")
        page.press(".editor textarea", "Escape")
        self.assertEqual(self.users(), ["one", "TWO"])

    # C-11.30, C-11.31
    def test_another_answer_is_a_branch(self):
        page = self.page
        self.mock.answers["q"] = "first"
        self.ask("q")
        self.say("/topk")
        self.ask("later")
        self.mock.answers["q"] = "second"
        self.assertEqual(page.get_attribute("[data-act=again] >> nth=0", "title"), "Another answer")
        page.click(".entry.assistant [data-act=again] >> nth=0")
        self.idle()
        self.assertEqual((self.users(), self.answers()), (["q"], ["second"]))
        self.assertEqual(self.sent(), [("user", "q")])
        self.assertEqual(self.texts(".console"), [])
        page.keyboard.press("Alt+,")
        self.assertEqual((self.users(), self.answers()[0]), (["q", "later"], "first"))

    # C-11.31, C-11.32
    def test_waiting_shows_dots_and_stop_keeps_what_came(self):
        page = self.page
        self.say("slow")
        expect(page.locator("#stop")).to_be_visible()
        self.wait("document.querySelector('.message.assistant')?.textContent.includes('xxx')")
        self.assertEqual(page.locator(".typing").count(), 0)
        page.click(".message.user .text")
        self.assertEqual(page.locator(".editor").count(), 0)
        self.say("second")
        self.assertEqual((self.users(), page.input_value("#input")), (["slow"], "second"))
        page.keyboard.press("Control+Shift+N")
        self.assertEqual(self.users(), ["slow"])
        page.keyboard.press("Escape")
        self.idle()
        kept = self.answers()
        time.sleep(0.1)
        self.assertEqual(self.answers(), kept)
        self.assertIn("stopped", self.texts(".figures")[-1])
        self.assertTrue(self.texts("#announce")[0].startswith("Answer stopped: xxx"))
        self.wait_for_no_generation()

    # C-11.32
    def test_dots_move_until_the_first_token_comes(self):
        self.mock.pause = 0.4
        self.mock.answers["late"] = ["a", "b"]
        self.page.evaluate("""() => { window.seen = 0; new MutationObserver(() => { seen = Math.max(seen, document.querySelectorAll('.typing i').length); }).observe(document.body, {childList: true, subtree: true}); }""")
        self.ask("late")
        self.assertEqual(self.page.evaluate("seen"), 3)
        self.assertEqual(self.answers(), ["ab"])

    def wait_for_no_generation(self):
        end = time.time() + patience
        while self.mock.running > 0:
            self.assertLess(time.time(), end, "the server still generates")
            time.sleep(0.02)

    # C-11.36
    def test_a_new_conversation_ends_the_stream(self):
        self.say("slow")
        self.wait("document.querySelector('.message.assistant')?.textContent.includes('x')")
        self.page.fill("#input", "draft")
        self.page.click("#new")
        self.assertEqual((self.users(), self.page.input_value("#input"), self.page.evaluate("document.activeElement.id")), ([], "", "input"))
        self.wait_for_no_generation()
        self.ask("fresh")
        self.assertEqual(self.sent(), [("user", "fresh")])
        expect(self.page.locator(".conversation")).to_have_count(2)

    # C-11.34
    def test_events_cut_at_every_byte_are_whole(self):
        self.ask("split")
        self.assertEqual(self.answers(), ["café 😀 end"])
        self.assertEqual(self.texts(".error"), [])

    # C-11.13
    def test_calculator_calls_are_cards_and_go_back_as_they_came(self):
        self.ask("tool")
        self.assertEqual(self.texts(".chip code") + self.texts(".chip b"), ["37*12", "444"])
        self.assertEqual(self.answers(), ["It is 37*12 = 444, I think."])
        self.ask("again")
        self.assertEqual(self.sent()[1][1], "It is <|python_start|>37*12<|python_end|><|output_start|>444<|output_end|>, I think.")

    # C-11.33
    def test_errors_are_boxes_and_the_question_stays(self):
        page = self.page
        self.ask("<b>refuse</b>")
        self.assertIn("The server answered 400: <b>bold</b> refusal", self.texts(".error span")[0])
        self.assertEqual((self.users(), self.answers(), page.locator(".error b").count()), (["<b>refuse</b>"], [], 0))
        self.ask("hello")
        self.assertEqual(self.sent(), [("user", "<b>refuse</b>"), ("user", "hello")])
        page.click("#new")
        self.ask("broken")
        self.assertIn("no room <script>", self.texts(".error span")[0])
        page.click("#new")
        self.ask("busy")
        self.assertIn("503: the queue is full Try again in 5 s.", self.texts(".error span")[0])
        page.click("#new")
        self.ask("cut")
        self.assertEqual((self.answers(), len(self.texts(".notes .error"))), (["half"], 1))
        page.click("#new")
        self.ask("fail once")
        page.click(".error button")
        self.wait("document.querySelector('.message.assistant')?.textContent === 'better now'")
        self.assertEqual(self.texts(".error"), [])

    # C-11.40
    def test_empty_answers_are_kept_out(self):
        self.ask("empty")
        self.assertEqual(self.answers(), [])
        self.assertIn("empty answer", self.texts(".console")[0])
        self.ask("next")
        self.assertEqual(self.sent(), [("user", "empty"), ("user", "next")])

    # C-11.39
    def test_bubbles_have_their_places(self):
        self.ask("w" * 400)
        self.say("/help")
        box = lambda selector: self.page.locator(selector).first.bounding_box()
        column, user, answer, console = box(".messages")["width"] - 32, box(".message.user"), box(".message.assistant"), box(".console")
        self.assertTrue(0.5 * column < user["width"] <= 0.65 * column + 1)
        self.assertGreater(user["x"], answer["x"] + 100)
        self.assertGreater(answer["width"], column - 40)
        self.assertLessEqual(console["width"], 0.8 * column + 1)
        style = self.page.evaluate("(() => { const s = getComputedStyle(document.querySelector('.console')); return [s.fontFamily, s.backgroundColor]; })()")
        self.assertIn("mono", style[0].lower())
        self.assertNotEqual(style[1], "rgba(0, 0, 0, 0)")

    def test_continue_and_edit_of_an_answer(self):
        page = self.page
        self.ask("short")
        self.assertIn("cut at the most tokens", self.texts(".figures")[-1])
        page.click("[data-act=onward]")
        self.idle()
        self.assertEqual(self.answers(), ["too short and more"])
        body = self.mock.requests[-1]
        self.assertEqual((body["continue_final_message"], body["add_generation_prompt"], self.sent()[-1]), (True, False, ("assistant", "too short")))
        page.click(".entry.assistant [data-act=edit]")
        page.fill(".editor textarea", "my own words")
        page.press(".editor textarea", "Control+Enter")
        self.assertEqual(self.answers(), ["my own words"])
        self.ask("then")
        self.assertEqual(self.sent()[1], ("assistant", "my own words"))

    def test_tool_calls_are_cards_and_are_answered(self):
        page = self.page
        self.ask("call")
        self.assertEqual(self.texts(".call-name code"), ["<img src=x onerror=hacked=1>weather"])
        self.assertEqual(json.loads(self.texts(".call pre")[0]), {"city": "Oslo<svg onload=hacked=1>"})
        page.fill(".call textarea", "12 degrees")
        page.click(".call button")
        self.idle()
        message = self.mock.requests[-1]["messages"]
        self.assertEqual(message[1]["tool_calls"][0]["function"]["arguments"], '{"city": "Oslo<svg onload=hacked=1>"}')
        self.assertEqual(message[2], {"role": "tool", "tool_call_id": "call_0", "content": "12 degrees"})

    def test_the_model_goes_on_when_all_calls_have_their_answers(self):
        page = self.page
        self.ask("two calls")
        page.fill(".call textarea >> nth=1", "noon")
        page.fill(".call textarea >> nth=0", "12 degrees")
        page.click(".call button >> nth=0")
        self.assertEqual(len(self.mock.requests), 1)
        self.assertEqual(page.input_value(".call textarea"), "noon")
        page.click(".call button")
        self.idle()
        self.assertEqual([(message["tool_call_id"], message["content"]) for message in self.mock.requests[-1]["messages"][2:]], [("call_0", "12 degrees"), ("call_1", "noon")])
        self.assertEqual(page.locator(".call textarea").count(), 0)

    def test_settings_are_kept_with_their_conversation(self):
        page = self.page
        page.keyboard.press("Alt+S")
        page.fill("#set-system", "Be brief.")
        for key, value in [("temperature", "0.25"), ("top_p", "0.9"), ("min_p", "0.05"), ("repetition_penalty", "1.1"), ("presence_penalty", "-1"), ("frequency_penalty", "0.5"), ("max_tokens", "77"), ("seed", "42"), ("top_k", "5")]:
            page.fill(f"#set-{key}", value)
        page.fill("#set-stop", "END\n\\n\\n")
        page.fill("#set-tools", '[{"type": "function", "function": {"name": "f", "parameters": {}}}]')
        page.fill("#set-temperature", "9")
        self.assertIn("from 0 to 2", page.text_content("dialog"))
        page.fill("#set-temperature", "0.25")
        page.keyboard.press("Escape")
        self.ask("hello")
        body = self.mock.requests[-1]
        self.assertEqual(self.sent()[0], ("system", "Be brief."))
        expected = {"temperature": 0.25, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1, "presence_penalty": -1, "frequency_penalty": 0.5, "max_tokens": 77, "seed": 42, "top_k": 5, "stop": ["END", "\n\n"]}
        self.assertEqual({key: body[key] for key in expected}, expected)
        self.assertEqual(body["tools"][0]["function"]["name"], "f")
        page.click("#new")
        self.ask("plain")
        self.assertNotIn("top_p", self.mock.requests[-1])
        expect(page.locator(".conversation")).to_have_count(2)
        self.open_listed(".conversation .open >> nth=1")
        expect(page.locator(".message.user")).to_have_text("hello")
        self.ask("more")
        self.assertEqual(self.mock.requests[-1]["seed"], 42)

    def test_two_models_side_by_side(self):
        page = self.page
        page.click("#compare")
        page.select_option("#second", "other")
        self.ask("both")
        self.assertEqual(sorted(body["model"] for body in self.mock.requests), ["other", "tiny"])
        self.assertEqual(self.texts(".lane-name"), ["tiny", "other"])
        boxes = [page.locator(".thread").nth(i).bounding_box() for i in (0, 1)]
        self.assertLessEqual(boxes[0]["x"] + boxes[0]["width"], boxes[1]["x"] + 1)
        page.locator(".thread").nth(1).locator(".entry.assistant [data-act=again]").click()
        self.idle()
        self.assertEqual([page.locator(".thread").nth(i).locator(".entry.assistant .branches").count() for i in (0, 1)], [0, 1])
        page.click("#compare")
        expect(page.locator(".thread")).to_have_count(1)

    def test_tokens_show_alternatives_and_branch(self):
        page = self.page
        page.click("#tokens")
        self.mock.answers["q"] = ["One", " two", " three"]
        self.ask("q")
        self.assertEqual((self.mock.requests[0]["logprobs"], self.mock.requests[0]["top_logprobs"]), (True, 5))
        self.assertEqual(self.texts(".token"), ["One", " two", " three"])
        page.hover(".token >> nth=1")
        self.assertIn("74.1 %", page.text_content(".alternatives p"))
        expect(page.locator(".alternatives button")).to_have_count(5)
        expect(page.locator(".alternatives button").nth(3)).to_be_disabled()  # half a character
        page.click(".alternatives button >> nth=2")
        self.idle()
        self.assertEqual(self.sent()[-1], ("assistant", "One café"))
        self.assertTrue(self.mock.requests[-1]["continue_final_message"])
        self.assertEqual(self.texts(".token"), ["One", " café", " and", " more"])
        self.assertEqual(self.texts(".branches"), ["2/2"])
        # By keys: from the first token to the second, its last alternative ends the answer.
        page.focus(".token >> nth=0")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        self.assertIn("else", page.evaluate("document.activeElement.textContent") + self.texts(".alternatives")[0])
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        self.assertEqual(self.texts(".token"), ["One"])
        self.assertEqual(self.texts(".branches"), ["3/3"])
        page.click("#tokens")
        self.assertEqual(self.answers(), ["One"])

    def test_alternatives_are_seen_whole_and_go_with_the_focus(self):
        page = self.page
        page.click("#tokens")
        self.mock.answers["q"] = ["word "] * 700
        self.ask("q")
        page.keyboard.press("Alt+I")
        page.focus(".token >> nth=-1")
        box, column = page.locator(".alternatives").bounding_box(), page.locator(".thread").bounding_box()
        self.assertLessEqual(box["y"] + box["height"], column["y"] + column["height"])
        page.focus("#input")
        expect(page.locator(".alternatives")).to_have_count(0)

    def test_figures_tell_speed_and_first_token(self):
        # By a clock of the test's own: half a second to the first piece, a quarter between one and the next.
        self.mock.gate = threading.Semaphore(0)
        self.page.evaluate("window.clock = 1000; performance.now = () => clock; void 0")
        self.say("a b c d e f")
        for count in range(1, 8):
            self.page.evaluate(f"clock += {500 if count == 1 else 250}")
            self.mock.gate.release()
            self.wait(f"document.querySelector('.entry.assistant .figures').textContent.startsWith('{count} token')")
        self.idle()
        self.assertEqual(self.texts(".figures")[-1], "7 tokens · 4.0 tokens/s · first after 0.50 s")
        said = self.page.evaluate("""async () => {
          const { MessageView } = await import('/message_view.js');
          const of = (figures) => { const view = { node: { figures }, figures: document.createElement('i') }; MessageView.prototype.showFigures.call(view); return view.figures.textContent; };
          return [of({ tokens: 400, rate: 1404.3, first: 0.1 }), of({ tokens: 40, rate: 99.94, first: 0.1 }), of({ tokens: 1, rate: 0, first: 0.1 })].map((text) => text.replace(/ · first.*/, ''));
        }""")
        self.assertEqual(said, ["400 tokens · 1404 tokens/s", "40 tokens · 99.9 tokens/s", "1 token"])


class Server(PageCase):
    # C-11.35
    def test_a_dead_engine_is_reported_and_its_return_seen(self):
        self.mock.health = {"status": "error", "ready": False, "reason": "the engine <b>failed</b>"}
        self.page.reload()
        expect(self.page.locator("#banner .error")).to_contain_text("The engine is not running: the engine <b>failed</b>")
        self.mock.health = {"status": "ok", "ready": True}
        expect(self.page.locator("#banner .error")).to_have_count(0)

    # C-11.33, C-11.34
    def test_a_server_that_restarts_in_the_middle_costs_nothing_that_was_said(self):
        self.mock.answers["story"] = ["Once ", "upon ", "a time ", endless]
        self.say("story")
        self.wait("document.querySelector('.message.assistant')?.textContent.includes('a time')")
        port = self.mock.port
        self.mock.stop()
        self.idle()
        self.assertIn("The connection was lost", self.texts(".notes .error span")[0])
        expect(self.page.locator("#banner")).to_contain_text("The server is away")
        kept = self.answers()[0]
        self.assertTrue(kept.startswith("Once upon a time"))
        self.ask("and now?")
        self.assertIn("cannot be reached", self.texts(".notes .error span")[-1])
        self.assertEqual(self.answers()[0], kept)
        self.mock = MockServer(port)
        expect(self.page.locator("#banner")).to_be_empty()
        self.page.click(".notes .error button >> nth=-1")
        self.idle()
        self.assertEqual(self.answers()[-1], "You said: and now?")
        self.settle()
        self.page.reload()
        self.wait("document.querySelectorAll('.message').length === 4")
        self.assertEqual(self.answers()[0], kept)

    def test_a_key_is_asked_for_and_kept_for_the_tab(self):
        self.mock.key = "s3cret"
        self.page.reload()
        self.page.fill("dialog input", "wrong")
        self.page.press("dialog input", "Enter")
        expect(self.page.locator("dialog")).to_contain_text("did not take the key")
        self.page.fill("dialog input", "s3cret")
        self.page.press("dialog input", "Enter")
        expect(self.page.locator("dialog")).to_have_count(0)  # the key is taken then; the model was known before
        self.wait("document.querySelector('#model').value === 'tiny'")
        self.ask("hello")
        self.assertEqual(self.answers(), ["You said: hello"])
        self.assertEqual(self.page.evaluate("[sessionStorage.length, Object.values(localStorage).join()]"), [1, ""])

    def test_tabs_for_dashboard_and_report(self):
        self.mock.extra = {"/report.md": ("text/html", "<p>the report</p>")}
        self.mock.info.update(dashboard="http://127.0.0.1:9/elsewhere", report="/report.md")
        self.page.reload()
        self.page.click("#tabs >> text=Report")
        expect(self.page.frame_locator("iframe").locator("p")).to_have_text("the report")
        expect(self.page.locator("#chat")).to_be_hidden()
        self.assertEqual(self.page.get_attribute("#tabs a", "href"), "http://127.0.0.1:9/elsewhere")
        self.page.click("#tabs >> text=Chat")
        expect(self.page.locator("#input")).to_be_visible()


class Offline(PageCase):
    options = {}  # with its service worker

    def test_the_page_opens_and_stays_readable_without_its_server(self):
        self.ask("remember me")
        self.settle()
        self.wait("navigator.serviceWorker.controller !== null")
        self.wait("caches.open('lathe-page').then((cache) => cache.keys()).then((keys) => keys.length > 25)")
        self.mock.stop()
        self.page.reload()
        expect(self.page.locator("#banner")).to_contain_text("The server is away")
        expect(self.page.locator(".message.assistant")).to_have_text("You said: remember me")


if __name__ == "__main__":
    run()
