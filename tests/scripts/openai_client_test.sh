#!/usr/bin/env bash
# The real OpenAI client talks to `lathe serve`: models, chat, streams, tools, structured output, log-probabilities, completions with
# echo, embeddings, its exceptions. LATHE_PYTHON names an interpreter that has it, else python3; skipped where there is none. C-11.10
set -euo pipefail
python=${LATHE_PYTHON:-python3}
command -v "$python" >/dev/null && "$python" -c 'import openai' 2>/dev/null || { echo "no Python with openai"; exit 77; }
# shellcheck source=tests/scripts/server_fixture.bash
source "${LATHE_SOURCE:?}/tests/scripts/server_fixture.bash"
make_model
start_server --tag small --source sft
"$python" "$LATHE_SOURCE/tests/scripts/openai_client.py" "$url"
