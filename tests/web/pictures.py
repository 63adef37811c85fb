"""Makes the README's pictures of the chat page: docs/page.png, page_dark.png, page_phone.png, page_tokens.png.

usage: pictures.py [FOLDER]     (docs/ when not given)
"""
import math, pathlib, random, sys

from mock_server import MockServer, source
from page_case import browser, close_browser

most_bytes = 150_000
folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else source / "docs"

lesson = r"""Gradient descent walks **downhill**: it looks at the slope of the loss and takes a small step against it.

$$
\theta_{t+1} = \theta_t - \eta\,\nabla L(\theta_t), \qquad L(\theta) = \frac{1}{n}\sum_{i=1}^{n}\bigl(f_\theta(x_i) - y_i\bigr)^2
$$

1. Start somewhere, with a step size $\eta$.
2. Measure the slope, take a step.
3. Stop when the loss no longer falls.

```python
def descend(w, lr=0.1, steps=100):
    for _ in range(steps):
        w -= lr * grad(w)   # against the slope
    return w
```

| step size | what happens |
|:----------|:-------------|
| too small | slow, but safe |
| too large | it jumps over the valley |
"""
story = ["Once", " upon", " a", " time", ",", " a", " young", " fox", " lived", " by", " a", " quiet", " river", ".", " Every", " morning", " she", " counted", " the", " boats", " that", " went", " by", ",", " and", " one", " day",
         " a", " boat", " stopped", " and", " asked", " her", " the", " way", " to", " the", " sea", "."]
sure = {" upon": 0.98, " a": 0.93, " time": 0.97, ",": 0.88, " by": 0.71, " river": 0.42, " fox": 0.12, " young": 0.34, " quiet": 0.08, ".": 0.86, " the": 0.91, " counted": 0.05}
others = {" fox": [(" girl", 0.38), (" rabbit", 0.19), (" bear", 0.07), (" man", 0.05)]}


def logprobs(body, piece):
    if not body.get("logprobs"):
        return None
    share = sure.get(piece) or random.Random(piece).choice([0.95, 0.66, 0.41, 0.22])
    entry = lambda token, p: {"token": token, "logprob": math.log(p), "bytes": list(token.encode())}
    rest = others.get(piece) or [(word, (1 - share) * part) for word, part in [(" little", 0.4), (" small", 0.25), (" old", 0.15), (" very", 0.1)]]
    return {"content": [{**entry(piece, share), "top_logprobs": sorted((entry(*one) for one in [(piece, share), *rest]), key=lambda one: -one["logprob"])}]}


def save(name, picture):
    if len(picture) > most_bytes:
        raise SystemExit(f"{name} has {len(picture)} bytes, more than {most_bytes}")
    (folder / name).write_bytes(picture)
    print(name, len(picture))


def main():
    mock = MockServer(pause=0.04)
    mock.info.update(models=["d12-sft", "d12-rl"], default_model="d12-sft")
    mock.answers.update({"How does gradient descent work?": lesson, "Tell me a short story about a fox.": story, "What is 37 * 12 + 5?":
                         ["It is ", "<|python_start|>37*12+5<|python_end|><|output_start|>449<|output_end|>", "."]})
    mock.logprobs = logprobs

    def page_of(scheme, size, **more):
        context = browser().new_context(viewport=size, color_scheme=scheme, service_workers="block", **more)
        page = context.new_page()
        page.goto(mock.url)
        page.wait_for_timeout(300)
        return page

    def ask(page, text):
        page.fill("#input", text)
        page.press("#input", "Enter")
        page.wait_for_timeout(300)
        page.locator("#stop").wait_for(state="hidden", timeout=60000)
        page.wait_for_timeout(200)

    def fill(page):
        for text in ("What is 37 * 12 + 5?", "Tell me a short story about a fox."):
            ask(page, text)
            page.click("#new")
        ask(page, "How does gradient descent work?")

    for name, scheme, size, more in (("page.png", "light", {"width": 1280, "height": 800}, {}), ("page_dark.png", "dark", {"width": 1280, "height": 800}, {}),
                                     ("page_phone.png", "light", {"width": 390, "height": 844}, {"has_touch": True, "is_mobile": True})):
        page = page_of(scheme, size, **more)
        fill(page)
        save(name, page.screenshot())
    page = page_of("light", {"width": 1280, "height": 640})
    fill(page)
    page.click("#new")
    page.keyboard.press("Alt+T")
    page.click(".toast button")
    ask(page, "Tell me a short story about a fox.")
    page.locator(".token").nth(7).hover()
    page.wait_for_timeout(200)
    save("page_tokens.png", page.screenshot())
    close_browser()


main()
