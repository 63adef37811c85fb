#!/usr/bin/env python3
"""Watches a run on its dashboard in a headless browser: points arrive, a question is answered while training goes on.

usage: watch_page.py BROWSER URL QUESTION [PICTURES]      (question "-": none is asked; PICTURES-light.png, -dark.png, -phone.png)
"""
import sys

from browser import Browser

program, url, question = sys.argv[1:4]
pictures = sys.argv[4] if len(sys.argv) > 4 else None

with Browser(program, url, 1280, 900) as page:
    page.evaluate("addEventListener('error', (event) => { window.failure = event.message; })")
    page.wait_for("curves.get('train/loss')?.steps.length > 3", "no points arrive")
    page.wait_for("document.querySelectorAll('#charts canvas').length > 3", "no charts")
    before = page.evaluate("lastStep()")
    if question != "-":
        page.type_question(question)
        page.wait_for("document.querySelector('#answers .said:last-child:not(.waiting) small')?.textContent.includes('after step')", "no answer")
        page.wait_for(f"lastStep() > {before}", "no step is made after the question")
        if page.evaluate("document.querySelectorAll('#answers .failed').length"):
            raise SystemExit("the question failed: " + page.evaluate("byId('answers').innerText"))
        print("answer:", page.evaluate("byId('answers').innerText").replace("\n", " "))
    # A chart that is shown has ink of its own: a curve's colour, not only axes.
    empty = page.evaluate("[...charts].filter(([, chart]) => !chart.box.hidden && !chart.box.closest('details')"
                          " && !chart.curves.some(([, curve]) => curve.values.length > 0)).map(([title]) => title).join(', ')")
    if empty:
        raise SystemExit("empty charts: " + empty)
    page.wait_for("document.documentElement.scrollWidth <= innerWidth", "the page is wider than its window")
    for name, dark, width, height in (("light", False, 1280, 900), ("dark", True, 1280, 900), ("phone", False, 390, 844)):
        page.look(dark, width, height)
        if pictures:
            page.picture(f"{pictures}-{name}.png", whole=True)
    failure = page.evaluate("window.failure ?? ''")
    if failure:
        raise SystemExit("an error on the page: " + failure)
    print("steps:", before, "to", page.evaluate("lastStep()"))
