"""For everybody: keyboard, screen readers, contrast, small windows, little motion."""
import json, re

from playwright.sync_api import expect

from page_case import PageCase, run

try:
    from axe_playwright_python.base import AXE_SCRIPT as axe
except ImportError:
    axe = None

document = "# Title\n\nText with `code`, a [link](https://example.org) and **bold**, $x^2$.\n\n> quote\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n```python\n# note\ndef f(x): return 'a' + str(1) + g(x)\n```\n\n```diff\n+a\n-b\n```\n"

# Contrast of every text on the page against what is painted behind it.
contrast = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (element) => { const chain = []; for (let e = element; e; e = e.parentElement) chain.unshift(rgba(getComputedStyle(e).backgroundColor)); return chain.reduce((below, top) => over(top, below), [255, 255, 255]); };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest('.hidden-text, .skip, :disabled')) continue;
    const style = getComputedStyle(element), back = behind(element), front = over(rgba(style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${walker.currentNode.data.slice(0, 30)} <${element.localName} ${element.className}> ${ratio.toFixed(2)}`);
  }
  return found;
}"""


class Access(PageCase):
    def fill_page(self):
        self.mock.answers["doc"] = document
        self.ask("doc")
        self.ask("tool")
        self.ask("call")
        self.say("/help")
        self.ask("broken")
        self.page.click("#tokens")
        self.mock.pause = 0
        self.ask("words in tokens")
        self.page.locator("[data-act=again]").last.click()
        self.idle()

    def states(self):
        """The page in each of its states, by name."""
        yield "welcome"
        self.fill_page()
        yield "conversation"
        self.page.locator(".token").first.hover()
        yield "alternatives"
        self.page.mouse.move(5, 5)
        self.page.keyboard.press("Alt+S")
        yield "settings"
        self.page.keyboard.press("Escape")
        self.page.click("#more")
        yield "menu"
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Alt+H")
        yield "help"
        self.page.keyboard.press("Escape")
        self.page.focus(".conversation .open")
        self.page.keyboard.press("F2")
        yield "rename"
        self.page.keyboard.press("Escape")
        self.page.click("#compare")
        yield "two models"
        self.page.keyboard.press("Alt+E")
        yield "editor"

    def test_contrast_is_aa_in_both_themes(self):
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self.page.goto(self.mock.url)
            self.wait("document.querySelector('#model')?.value")
            for state in self.states():
                self.page.wait_for_timeout(30)
                self.assertEqual(self.page.evaluate(contrast), [], f"{scheme}, {state}")

    def test_axe_finds_nothing(self):
        if axe is None:
            self.skipTest("no axe-playwright-python")
        self.page.evaluate(axe + "; void 0")  # once: no state loads the page anew
        for state in self.states():
            self.page.wait_for_timeout(30)
            found = self.page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']})")
            self.assertEqual([(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in found["violations"]], [], state)

    def test_everything_by_keyboard(self):
        page = self.page
        focused = lambda: page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.className || document.activeElement.localName")
        page.keyboard.type("hello")
        page.keyboard.press("Enter")
        self.idle()
        self.settle()  # the list is drawn: it has its places in the order
        page.evaluate("document.activeElement.blur()")
        order = []
        for _ in range(32):
            page.keyboard.press("Tab")
            order.append(focused())
        for earlier, later in [("skip", "toggle"), ("toggle", "model"), ("model", "more"), ("new", "search"), ("search", "open"), ("help", "Copy"), ("Copy", "input")]:
            self.assertLess(order.index(earlier), order.index(later), order)
        page.keyboard.press("Alt+H")
        self.assertIn("Ctrl+Shift+N", page.text_content("dialog"))
        for _ in range(4):  # the focus stays inside
            page.keyboard.press("Tab")
            self.assertTrue(page.evaluate("document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement)"))
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        page.keyboard.press("Alt+K")
        self.assertEqual(focused(), "search")
        page.keyboard.press("ArrowDown")
        self.assertEqual(focused(), "open")
        page.keyboard.press("Alt+I")
        self.assertEqual(focused(), "input")
        page.keyboard.press("Alt+E")
        page.keyboard.type(" again")
        page.keyboard.press("Enter")
        self.idle()
        self.assertEqual(self.users(), ["hello again"])
        page.keyboard.press("Alt+R")
        self.idle()
        self.assertEqual(self.texts(".branches"), ["2/2", "2/2"])
        page.keyboard.press("Alt+C")
        self.idle()
        self.assertEqual(self.answers(), ["You said: hello again and more"])
        page.keyboard.press("Alt+B")
        expect(page.locator("#sidebar")).to_be_hidden()
        page.keyboard.press("Alt+B")
        for theme in ("light", "dark", None):
            page.keyboard.press("Alt+D")
            self.assertEqual(page.get_attribute("html", "data-theme"), theme)
        page.keyboard.press("Alt+M")
        expect(page.locator(".thread")).to_have_count(2)

    def test_screen_readers_hear_the_answer_once(self):
        self.page.evaluate("""() => { window.heard = []; new MutationObserver(() => heard.push(document.querySelector('#announce').textContent)).observe(document.querySelector('#announce'), {childList: true, characterData: true, subtree: true}); }""")
        self.mock.pause = 0.02
        self.ask("one two three four five six")
        self.page.wait_for_timeout(50)
        self.assertEqual(self.page.evaluate("heard"), ["Answer under way", "Answer complete: You said: one two three four five six"])
        self.assertEqual(self.page.get_attribute(".messages", "aria-live"), "off")
        self.assertEqual([self.page.locator(".message").nth(i).get_attribute("aria-label") for i in (0, 1)], ["You", "Answer"])

    def test_themes_last(self):
        background = lambda: self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        self.page.emulate_media(color_scheme="dark")
        dark = background()
        self.page.click("#theme")
        self.assertEqual(background(), "rgb(255, 255, 255)")
        self.page.reload()
        self.wait("document.querySelector('#model')?.value")
        self.assertEqual(background(), "rgb(255, 255, 255)")
        self.page.click("#theme")
        self.assertEqual(background(), dark)

    def test_little_motion(self):
        self.page.emulate_media(reduced_motion="reduce")
        self.assertEqual(self.page.evaluate("""() => { const i = document.createElement('i'); const t = document.createElement('span'); t.className = 'typing'; t.append(i); document.body.append(t); return getComputedStyle(i).animationName; }"""), "none")


class Phone(PageCase):
    options = {"service_workers": "block", "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    def test_nothing_is_wider_than_the_window_and_the_drawer_works(self):
        page = self.page
        self.mock.answers["doc"] = document + "\n" + "w" * 300 + "\n\n```\n" + "x" * 300 + "\n```\n\n|" + " a long cell |" * 12 + "\n|" + "--|" * 12 + "\n\n$$" + "a+" * 80 + "b$$"
        self.ask("doc")
        self.ask("call")
        self.settle()
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0)
        self.assertEqual(page.evaluate("(() => { const t = document.querySelector('.thread'); return t.scrollWidth - t.clientWidth; })()"), 0)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('header button, header select')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).length"), 0)
        expect(page.locator("#sidebar")).to_be_hidden()
        page.click("#toggle")
        expect(page.locator("#sidebar")).to_be_visible()
        self.assertEqual(page.evaluate("document.activeElement.id"), "search")
        self.assertTrue(page.evaluate("document.querySelector('#chat').inert"))
        page.keyboard.press("Escape")
        expect(page.locator("#sidebar")).to_be_hidden()
        self.assertEqual(page.evaluate("document.activeElement.id"), "toggle")
        page.click("#toggle")
        page.click(".conversation .open")
        expect(page.locator("#sidebar")).to_be_hidden()
        page.click("#more")
        page.click("text=Settings")
        expect(page.locator("#set-temperature")).to_be_visible()
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0)

    def test_long_names_of_models_leave_the_bar_its_buttons(self):
        page = self.page
        names = [f"an-organisation/a-model-with-a-name-that-never-seems-to-end-{i}" for i in (1, 2)]
        self.mock.info.update(models=names, default_model=names[0])
        page.reload()
        self.wait("document.querySelector('#model')?.value.length > 50")
        right = lambda: page.evaluate("Math.max(...[...document.querySelectorAll('header button, header select')].filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect().right)) - innerWidth")
        self.assertGreater(page.locator("#model").bounding_box()["width"], 130)
        self.assertLessEqual(right(), 0)
        page.keyboard.press("Alt+M")
        self.assertLessEqual(right(), 0)
        self.assertEqual([page.get_attribute(box, "title") for box in ("#model", "#second")], names)


if __name__ == "__main__":
    run()
