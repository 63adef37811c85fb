"""The real OpenAI client against a server of ours: openai_client.py URL. Exits non-zero with what went wrong."""
import json
import sys
import urllib.request

import openai

url = sys.argv[1]
client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0, timeout=300)


def check(ok, *what):
    if not ok:
        sys.exit("FAILED: " + " ".join(map(str, what)))


def raises(kind, what, **body):
    try:
        client.chat.completions.create(**body)
    except kind as error:
        check(error.param == what or what is None, "param", error.param, "not", what)
        return error
    sys.exit(f"FAILED: {what} was accepted")


models = [model.id for model in client.models.list()]
check(models, "no model")
model = models[0]
check(client.models.retrieve(model).id == model, "retrieve")
hello = [{"role": "user", "content": "What is 3 + 4?"}]
ask = dict(model=model, messages=hello, max_tokens=12, temperature=0, seed=1)

# Whole and streamed answers are the same.
whole = client.chat.completions.create(**ask)
check(whole.choices[0].finish_reason in ("stop", "length"), whole)
check(whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, whole.usage)
text, usage, finish, role = "", None, None, None
for chunk in client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
    usage = chunk.usage or usage
    for choice in chunk.choices:
        role = role or choice.delta.role
        text += choice.delta.content or ""
        finish = choice.finish_reason or finish
check(text == whole.choices[0].message.content and finish == whole.choices[0].finish_reason and role == "assistant", text, finish, role)
check(usage.completion_tokens == whole.usage.completion_tokens, usage, whole.usage)
with client.chat.completions.stream(**{**ask, "max_tokens": 60}, extra_body={"guided_choice": ["a longer answer"]}) as stream:
    check(stream.get_final_completion().choices[0].message.content == "a longer answer", "the client's own reading of the stream")

# Several answers, log-probabilities, seeds.
many = client.chat.completions.create(**{**ask, "temperature": 1, "n": 3, "logprobs": True, "top_logprobs": 2})
check([choice.index for choice in many.choices] == [0, 1, 2], "n")
for entry in many.choices[1].logprobs.content:
    check(entry.logprob <= 0 and len(entry.top_logprobs) == 2 and entry.top_logprobs[0].logprob >= entry.top_logprobs[1].logprob, entry)
again = client.chat.completions.create(**{**ask, "temperature": 1, "n": 3})
check([c.message.content for c in again.choices] == [c.message.content for c in many.choices], "the same seed, other answers")

# Structured output.
schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["n"], "additionalProperties": False}
made = client.chat.completions.create(**{**ask, "max_tokens": 100, "frequency_penalty": 2}, response_format={"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}})
check(made.choices[0].finish_reason == "length" or 0 <= json.loads(made.choices[0].message.content)["n"] <= 99, made.choices[0])
chosen = client.chat.completions.create(**ask, extra_body={"guided_choice": ["red", "green"]})
check(chosen.choices[0].message.content in ("red", "green"), chosen.choices[0])

# Tools: one is forced.
tools = [{"type": "function", "function": {"name": "roll", "description": "rolls dice", "parameters": {
    "type": "object", "properties": {"sides": {"enum": [6, 20]}}, "required": ["sides"], "additionalProperties": False}}}]
forced = dict(ask, max_tokens=300, frequency_penalty=2, tools=tools, tool_choice={"type": "function", "function": {"name": "roll"}})
call = client.chat.completions.create(**forced).choices[0]
check(call.finish_reason == "tool_calls" and call.message.content is None, call)
check(call.message.tool_calls[0].function.name == "roll" and json.loads(call.message.tool_calls[0].function.arguments)["sides"] in (6, 20), call)
with client.chat.completions.stream(**forced) as stream:
    streamed = stream.get_final_completion().choices[0].message.tool_calls[0]
check(streamed.function.arguments == call.message.tool_calls[0].function.arguments, streamed)
answered = hello + [call.message, {"role": "tool", "tool_call_id": call.message.tool_calls[0].id, "content": "4"}]
check(client.chat.completions.create(**{**ask, "messages": answered, "tools": tools}).choices[0].message, "a tool's answer")

# Completions with echo and log-probabilities.
echo = client.completions.create(model=model, prompt=["One two", "three"], max_tokens=2, temperature=0, echo=True, logprobs=3, seed=1)
for choice, prompt in zip(echo.choices, ("One two", "three")):
    check(choice.text.startswith(prompt), choice)
    logprobs = choice.logprobs
    check(logprobs.token_logprobs[0] is None and all(len(part) == len(logprobs.tokens) for part in (logprobs.token_logprobs, logprobs.top_logprobs, logprobs.text_offset)), logprobs)
pieces = "".join(chunk.choices[0].text for chunk in client.completions.create(model=model, prompt="One two", max_tokens=2, temperature=0, stream=True))
check("One two" + pieces == echo.choices[0].text, pieces)

# Embeddings: the client asks for base64 by itself.
vectors = client.embeddings.create(model=model, input=["one", "two"])
floats = client.embeddings.create(model=model, input="one", encoding_format="float").data[0].embedding
check(max(abs(a - b) for a, b in zip(vectors.data[0].embedding, floats)) < 1e-6, "base64 and floats differ")
check(abs(sum(x * x for x in floats) - 1) < 1e-4, "not of length 1")
check(len(client.embeddings.create(model=model, input="one", dimensions=4).data[0].embedding) == 4, "dimensions")

# Faults come as the client's exceptions and name the field.
raises(openai.BadRequestError, "temperature", **{**ask, "temperature": 3})
raises(openai.BadRequestError, "messages", **{**ask, "messages": []})
raises(openai.BadRequestError, "messages[0].role", **{**ask, "messages": [{"role": "king", "content": "x"}]})
check(raises(openai.NotFoundError, "model", **{**ask, "model": "none"}).code == "model_not_found", "code")
check(raises(openai.BadRequestError, "messages", **{**ask, "messages": [{"role": "user", "content": "word " * 20000}]}).code == "context_length_exceeded", "code")
raises(openai.BadRequestError, "guided_regex", **ask, extra_body={"guided_regex": "(a"})

# A client that stops reading: the server goes on for others at once.
stream = client.chat.completions.create(**{**ask, "max_tokens": 4000}, stream=True, extra_body={"ignore_eos": True})
next(iter(stream))
stream.close()
check(client.chat.completions.create(**ask).choices[0].message.content == text, "after a client that left")
with urllib.request.urlopen(url + "/health") as health:
    check(json.load(health)["status"] == "ok", "health")
print("all of the client's calls went well")
