#!/usr/bin/env python3
"""Types a question into the chat page in a headless browser and prints the answer's text.

usage: ask_page.py BROWSER URL QUESTION [PICTURE.png]
"""
import sys, time

from browser import Browser

program, url, question = sys.argv[1:4]
picture = sys.argv[4] if len(sys.argv) > 4 else None
with Browser(program, url) as page:
    page.wait_for("document.querySelector('#model')?.value", "the page does not know its model")
    page.type_question(question)
    answer = "document.querySelector('.message.assistant:not([aria-busy]) .text')?.innerText.trim() ?? ''"
    for _ in range(240):
        time.sleep(0.5)
        if text := page.evaluate(answer):
            print(text)
            if picture:
                page.picture(picture)
            break
    else:
        raise SystemExit("no answer on the page: " + page.evaluate("document.body.innerText"))
