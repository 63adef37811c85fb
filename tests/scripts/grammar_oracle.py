"""Structured output beside XGrammar and jsonschema, see grammar_oracle_test.sh.

cases FOLDER    writes FOLDER/cases.json
compare FOLDER  compares what test_infer wrote there: masks bit for bit, whole texts by jsonschema and re, times
"""
import json
import pathlib
import random
import re
import sys
import time

import jsonschema
import xgrammar

SPACES = 20  # kMaxJsonSpaces

# OTHER: XGrammar's language is another one. Strings with lengths, patterns and formats: it counts or writes escapes differently, anchors
# every pattern, allows 31 February and leading zeros of IPv4. Bounds of numbers: it writes exponents. Additional properties: it allows
# declared names again. allOf: it merges only in part. Lists: blanks are counted differently between empty brackets. Regexes: its dot is
# any character, \S \D \W and their classes are ASCII's. Nested "()" beside the empty text: it refuses "())" after "(".
SAME, OTHER = True, False
SCHEMAS = [
    ({"type": "null"}, SAME), ({"type": "boolean"}, SAME), ({"type": "integer"}, SAME), ({"type": "number"}, SAME), ({"type": "string"}, SAME), ({}, SAME),
    ({"type": ["string", "null"]}, SAME), ({"type": "object"}, SAME), ({"type": "array"}, SAME),
    ({"type": "array", "items": {"type": "integer"}}, SAME), ({"type": "array", "items": {"type": "string"}, "minItems": 1}, SAME),
    ({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 5}, SAME), ({"type": "array", "items": {"type": "null"}, "maxItems": 3}, SAME),
    ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, SAME),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "minItems": 2}, SAME),
    ({"type": "array", "prefixItems": [{"type": "null"}, {"type": "string"}], "items": {"type": "integer"}, "minItems": 2}, SAME),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a", "b"]}, SAME),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "null"}}, "required": ["b"]}, SAME),
    ({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}, SAME),
    ({"type": "object", "properties": {"a": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}}, "required": ["a"]}, SAME),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, SAME), ({"type": "object", "additionalProperties": False}, SAME),
    ({"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"], "additionalProperties": False}, SAME),
    ({"enum": ["red", "green", "re", 1, 1.5, None, True]}, SAME), ({"const": "a \"quoted\" é\n"}, SAME), ({"type": "string", "enum": ["cat", "dog", "cats"]}, SAME),
    ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, SAME), ({"anyOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}, {"type": "null"}]}, SAME),
    ({"oneOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "boolean"}]}, SAME),
    ({"$defs": {"n": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}, "required": ["v", "next"]}}, "$ref": "#/$defs/n"}, SAME),
    ({"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}, SAME),
    ({"type": "object", "properties": {"kind": {"const": "item"}, "list": {"type": "array", "items": {"$ref": "#/$defs/i"}}}, "required": ["kind", "list"], "$defs": {"i": {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}, "required": ["id"]}}}, SAME),
    ({"type": "integer", "minimum": 5, "maximum": 137}, SAME), ({"type": "integer", "minimum": -20, "maximum": 9}, SAME), ({"type": "integer", "minimum": 0}, SAME),
    ({"type": "integer", "maximum": -3}, SAME), ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 1000}, SAME),
    ({"type": "string", "pattern": "^[a-z]+-[0-9]{2,4}$"}, SAME), ({"type": "string", "pattern": "^(cat|dog)s?$"}, SAME),
    ({"type": "string", "minLength": 2, "maxLength": 5}, OTHER), ({"type": "string", "maxLength": 100}, OTHER), ({"type": "string", "minLength": 3}, OTHER),
    ({"type": "string", "pattern": "b+"}, OTHER), ({"type": "string", "format": "date"}, OTHER), ({"type": "string", "format": "date-time"}, OTHER), ({"type": "string", "format": "time"}, OTHER),
    ({"type": "string", "format": "uuid"}, SAME), ({"type": "string", "format": "ipv4"}, OTHER), ({"type": "string", "format": "ipv6"}, OTHER), ({"type": "string", "format": "email"}, OTHER),
    ({"type": "string", "format": "hostname"}, OTHER), ({"type": "string", "format": "uri"}, OTHER), ({"type": "string", "format": "duration"}, OTHER),
    ({"type": "number", "minimum": 0, "maximum": 1}, OTHER), ({"type": "number", "exclusiveMinimum": -2.5, "maximum": 17.25}, OTHER),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"}}, OTHER),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": True}, OTHER),
    ({"type": "object", "patternProperties": {"^x[0-9]$": {"type": "boolean"}}}, OTHER), ({"type": "object", "propertyNames": {"pattern": "^[a-z]{1,3}$"}, "additionalProperties": {"const": 1}}, OTHER),
    ({"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "null"}}, OTHER),
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"b": {"type": "null"}, "a": {"minimum": 7}}}]}, OTHER),
    ({"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": {"type": "integer"}}, OTHER),
    ({"enum": [{"x": [1, 2]}, []]}, OTHER),
]
REGEXES = [
    ("[a-c]+\\d", SAME), ("(?:foo|ba(?:r|z){2})*", SAME), ("[0-9]{3}-[0-9]{4}", SAME), ("a{2,}b?c*", SAME), ("[^a-z0-9]+", SAME), ("(the|an?) [a-z]{1,10}", SAME),
    ("\\w+@\\w+\\.com", SAME), ("x|yy|zzz|", SAME), ("[\\u00e0-\\u00ff]{1,3}", SAME), ("(a|b)*a(a|b){6}", SAME), ("(a*)*b", SAME), ("[A-Z][a-z]+( [A-Z][a-z]+){0,3}", SAME),
    ("(true|false|null)(,(true|false|null)){0,5}", SAME), ("-?(0|[1-9][0-9]*)(\\.[0-9]+)?", SAME), (".{3,8}", OTHER), ("\\S+\\s\\D\\W", OTHER), ("[^\\d]{2}", OTHER),
]
EBNFS = [
    ("root ::= \"a\" | \"bc\" root", SAME), ("root ::= expr\nexpr ::= term ((\"+\" | \"-\") term)*\nterm ::= [0-9]+ | \"(\" expr \")\"", SAME),
    ("root ::= \"[\" (root (\", \" root)*)? \"]\" | [a-z]+", SAME), ("root ::= line+\nline ::= \"- \" [^\\n]+ \"\\n\"", SAME),
    ("root ::= x{2,5}\nx ::= [a-c] y?\ny ::= \"!\" | \"?\"", SAME), ("root ::= \"é\" [\\u4e00-\\u9fff]{1,4} \"\\u00e9\"", SAME), ("root ::= (\"ab\" | \"abc\" | \"a\")* \"end\"", SAME),
    ("root ::= item (\"\\n\" item)*\nitem ::= [0-9]{1,3} \". \" word (\" \" word){0,4}\nword ::= [a-zA-Z]+", SAME), ("root ::= \"(\" root \")\" root | \"\"", OTHER),
]


def cases():
    out = [{"kind": "json_schema", "source": s, "same": same, "texts": texts_of(s)} for s, same in SCHEMAS]
    out += [{"kind": "regex", "source": s, "same": same, "texts": []} for s, same in REGEXES]
    out += [{"kind": "ebnf", "source": s, "same": same, "texts": []} for s, same in EBNFS]
    return out


def texts_of(schema):
    """Texts near the schema, valid or not."""
    rng = random.Random(json.dumps(schema))
    values = [None, True, 0, 5, -3, 12, 99, 1000, 1.5, 0.5, "", "a", "b", "cat", "abcd", "2024-01-31", "xx-12", [], [1, 2], [True, False], [None], [None, "x", 3], {}, {"a": 1}, {"a": 1, "b": "x"},
              {"b": "x", "a": 1}, {"b": "y"}, {"a": 8, "b": None}, {"name": "n", "age": 3}, {"a": {"id": 1}}, {"x": True}, {"v": 1, "next": None}, {"v": 1, "next": {"v": 2, "next": None}}, [[], [[]]],
              {"a": 1, "zz": "s"}, {"x1": False}, {"ab": 1}, [[1.5], []], {"kind": "item", "list": [{"id": 1}]}, "red", "dog"]
    texts = [json.dumps(v, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1, 2])) for v in values]
    texts += [json.dumps(v, separators=(",", ":")) for v in values]
    for text in list(texts):
        if text and rng.random() < 0.7:
            at = rng.randrange(len(text))
            texts.append(text[:at] + rng.choice(["", "\"", ",", "}", "]", " ", "0", "\\", "a"]) + text[at + rng.randrange(2):])
    return texts


def is_instance(schema, text):
    try:
        value = json.loads(text, parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))
    except ValueError:
        return False
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).is_valid(value)


# Where XGrammar allows more, by design: half surrogate pairs, as escapes or as bytes, and exponents that no double holds.
MORE = re.compile(rb"\\u[dD][89a-fA-F]|[0-9.][eE][+-]?[0-9]{3}|\xED[\xA0-\xBF]")


def compare(folder):
    all_cases = json.loads((folder / "cases.json").read_text())
    failures = compared = whole = texts = 0
    figures = []
    for path in sorted(folder.glob("*.walks.jsonl")):
        vocabulary = [bytes.fromhex(t) for t in json.loads(path.with_name(path.name.replace(".walks.jsonl", ".vocab.json")).read_text())]
        info = xgrammar.TokenizerInfo(vocabulary, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[len(vocabulary) - 1])
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        times = {"compile": [], "cold": [], "warm": [], "x_compile": [], "x_mask": []}
        for line in lines[1:]:
            case = all_cases[line["case"]]
            name = f"{path.name}: {case['kind']} {json.dumps(case['source'], ensure_ascii=False)}"
            if "error" in line:
                print(f"{name}: {line['error']}")
                failures += 1
                continue
            begin = time.perf_counter()
            try:
                if case["kind"] == "json_schema":
                    compiled = compiler.compile_json_schema(json.dumps(case["source"]), any_whitespace=True, max_whitespace_cnt=SPACES)
                elif case["kind"] == "regex":
                    compiled = compiler.compile_regex(case["source"])
                else:
                    compiled = compiler.compile_grammar(case["source"])
            except Exception as exception:  # it cannot read the case: nothing to compare with
                if case["same"]:
                    print(f"{name}: XGrammar: {exception}")
                    failures += 1
                compiled = None
            times["x_compile"].append(time.perf_counter() - begin)
            times["compile"].append(line["compile_seconds"])
            times["cold"] += line["cold_seconds"]
            times["warm"] += line["warm_seconds"]
            for text, accepted in zip(case["texts"], line["texts"]):
                texts += 1
                if accepted and not is_instance(case["source"], text):
                    print(f"{name}: accepts {text!r}, which is no instance")
                    failures += 1
                if not case["same"] or compiled is None:
                    continue
                theirs = xgrammar.GrammarMatcher(compiled, terminate_without_stop_token=True)
                if (theirs.accept_string(text) and theirs.is_completed()) != accepted and not MORE.search(text.encode()):
                    print(f"{name}: text {text!r}: {accepted} and XGrammar the opposite")
                    failures += 1
            for walk in line["walks"]:
                text = bytes.fromhex(walk["text"])
                if walk["stuck"]:
                    print(f"{name}: stuck after {text!r}")
                    failures += 1
                if walk["whole"]:
                    whole += 1
                    if case["kind"] == "json_schema" and not is_instance(case["source"], text.decode()):
                        print(f"{name}: {text!r} is no instance")
                        failures += 1
                    if case["kind"] == "regex" and not re.fullmatch(case["source"], text.decode()):
                        print(f"{name}: {text!r} does not match")
                        failures += 1
                if compiled is None:
                    continue
                matcher = xgrammar.GrammarMatcher(compiled)
                mask = xgrammar.allocate_token_bitmask(1, info.vocab_size)
                soft = b""
                for step, own in enumerate(walk["masks"]):
                    begin = time.perf_counter()
                    matcher.fill_next_token_bitmask(mask)
                    times["x_mask"].append(time.perf_counter() - begin)
                    if case["same"]:
                        a = int.from_bytes(b"".join(int(own[i:i + 16], 16).to_bytes(8, "little") for i in range(0, len(own), 16)), "little")
                        b = int.from_bytes(mask[0].numpy().tobytes(), "little") & ((1 << len(vocabulary)) - 1)
                        stop = b >> (len(vocabulary) - 1) & 1
                        b &= ~(1 << (len(vocabulary) - 1))
                        a &= ~(1 << (len(vocabulary) - 1))
                        compared += 1
                        difference = a ^ b
                        wrong = [i for i in range(len(vocabulary)) if difference >> i & 1 and (a >> i & 1 or not MORE.search(soft + vocabulary[i]))] if difference else []
                        if wrong or bool(stop) != walk["completes"][step]:
                            print(f"{name}: after {soft!r}: {len(wrong)} tokens differ, such as {[(vocabulary[i], 'ours' if a >> i & 1 else 'theirs') for i in wrong[:3]]}; "
                                  f"complete {walk['completes'][step]} {bool(stop)}")
                            failures += 1
                            break
                    if step < len(walk["tokens"]):
                        token = walk["tokens"][step]
                        soft += vocabulary[token]
                        if not matcher.accept_token(token):
                            if case["same"]:
                                print(f"{name}: XGrammar refuses {vocabulary[token]!r} after {soft!r}")
                                failures += 1
                            break
        mean = lambda key: sum(times[key]) / max(1, len(times[key])) * 1e6
        high = lambda key: sorted(times[key])[int(len(times[key]) * 0.99)] * 1e6
        figures.append(f"{path.name[:-12]:8} V {len(vocabulary):6}  vocabulary {lines[0]['vocabulary_seconds'] * 1e3:6.1f} ms  compile mean {mean('compile') / 1e3:7.3f} ms (XGrammar {mean('x_compile') / 1e3:7.2f})  "
                       f"mask mean: cold {mean('cold'):7.1f} us, warm {mean('warm'):5.2f} us (XGrammar {mean('x_mask'):7.1f});  p99: cold {high('cold'):8.1f}, warm {high('warm'):6.2f} (XGrammar {high('x_mask'):8.1f})")
    print(f"{compared} masks compared bit for bit, {failures} failures; {whole} whole walks and {texts} texts checked")
    print("\n".join(figures))
    return 1 if failures or not compared or not whole else 0


if __name__ == "__main__":
    work = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "cases":
        (work / "cases.json").write_text(json.dumps(cases()))
    else:
        sys.exit(compare(work))
