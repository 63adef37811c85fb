"""Windows that show one conversation, storage that fails meanwhile: nothing that was said is lost, nothing is copied without need."""
import threading

from playwright.sync_api import expect

from page_case import PageCase, full, run


class Windows(PageCase):
    def second(self):
        other = self.open_page()
        self.open_listed(".conversation .open", other)
        return other

    def rename(self, page, title):
        page.focus(".conversation .open")
        page.keyboard.press("F2")
        expect(page.locator(".rename-box")).to_be_focused()
        page.keyboard.type(title)
        page.keyboard.press("Enter")
        expect(page.locator(".rename-box")).to_have_count(0)

    def test_two_windows_see_each_other(self):
        other = self.open_page()
        self.ask("from the first")
        self.settle()  # a last writing that came late would overwrite what the other window has written since
        expect(other.locator(".conversation .open")).to_have_text("from the first")
        self.open_listed(".conversation .open", other)
        self.ask("from the second", other)
        expect(self.page.locator(".message.user")).to_have_count(2)
        expect(self.page.locator(".message.assistant").last).to_have_text("You said: from the second")
        self.ask("and again from the first")
        self.assertEqual([content for role, content in self.sent() if role == "user"], ["from the first", "from the second", "and again from the first"])

    def test_windows_that_go_on_with_one_conversation_lose_nothing(self):
        held = threading.Event()
        self.mock.answers["held"] = [held, "at last"]
        self.say("held")
        other = self.open_page()
        self.open_listed(".conversation .open", other)
        self.ask("from the second", other)
        self.settle(other)
        held.set()
        self.idle()
        expect(self.page.locator(".toast")).to_contain_text("Another window has gone on")
        expect(self.page.locator(".conversation .open")).to_have_text(["held (copy)", "held"])
        self.settle()
        for page, title, users, last in ((self.page, "held (copy)", ["held"], "at last"), (other, "held", ["held", "from the second"], "You said: from the second")):
            page.reload()
            expect(page.locator(".conversation [aria-current=page]")).to_have_text(title)
            expect(page.locator(".message.user .text")).to_have_text(users)
            expect(page.locator(".message.assistant").last).to_contain_text(last)
        self.ask("and again", other)
        self.settle(other)
        expect(other.locator(".conversation")).to_have_count(2)

    def test_a_name_that_is_given_elsewhere_stays_and_copies_nothing(self):
        held = threading.Event()
        self.mock.answers["held"] = ["a ", held, "b"]
        self.say("held")
        self.wait("document.querySelector('.message.assistant .text')?.textContent.length > 0")
        other = self.open_page()
        self.rename(other, "Named there")
        expect(self.page.locator(".conversation .open")).to_have_text("Named there")
        held.set()
        self.idle()
        self.settle()
        for page in (self.page, other):
            page.reload()
            expect(page.locator(".conversation .open")).to_have_text(["Named there"])
        expect(self.page.locator(".message.assistant")).to_have_text("a b")

    def test_what_came_while_a_dialog_was_open_is_shown_when_it_is_closed(self):
        self.ask("one")
        self.settle()
        other = self.second()
        self.page.click("#settings")
        expect(self.page.locator("dialog")).to_have_count(1)
        self.ask("two", other)
        self.settle(other)
        self.page.keyboard.press("Escape")
        expect(self.page.locator(".message.user")).to_have_count(2)
        self.ask("three")
        self.assertEqual([content for role, content in self.sent() if role == "user"], ["one", "two", "three"])
        self.settle()
        expect(self.page.locator(".conversation")).to_have_count(1)

    def test_after_a_full_storage_there_is_one_copy(self):
        self.ask("one")
        self.settle()
        other = self.second()
        self.page.evaluate(full)
        self.ask("not kept")
        expect(self.page.locator("#trouble")).to_contain_text("storage is full")
        self.settle()
        self.ask("from there", other)
        self.settle(other)
        self.page.evaluate("mend()")
        self.ask("kept again")
        self.settle()
        expect(self.page.locator(".conversation .open")).to_have_text(["one (copy)", "one"])
        self.open_listed(".conversation .open >> text=/^one$/")
        expect(self.page.locator(".message.user .text")).to_have_text(["one", "from there"])
        self.ask("goes on")
        self.settle()
        expect(self.page.locator(".conversation")).to_have_count(2)

    def test_a_name_that_cannot_be_kept_leaves_the_list_in_order(self):
        self.ask("one")
        self.settle()
        self.page.evaluate(full)
        self.rename(self.page, "Another name")
        expect(self.page.locator("#trouble")).to_contain_text("storage is full")
        self.page.evaluate("mend()")
        self.page.click("#new")
        self.ask("two")
        expect(self.page.locator(".conversation")).to_have_count(2)


if __name__ == "__main__":
    run()
