#!/usr/bin/env bash
# Schemathesis reads /openapi.json and asks every path right and wrong: no answer is 500, all are what the document says, nothing wrong is
# accepted. LATHE_PYTHON names an interpreter that has it, else python3; skipped where there is none. C-11.24
set -euo pipefail
python=${LATHE_PYTHON:-python3}
command -v "$python" >/dev/null && "$python" -c 'import schemathesis' 2>/dev/null || { echo "no Python with schemathesis"; exit 77; }
# shellcheck source=tests/scripts/server_fixture.bash
source "${LATHE_SOURCE:?}/tests/scripts/server_fixture.bash"
make_model
start_server --tag small --source sft --max-tokens 8
# A body that breaks the schema and the limit on its size is refused for either.
echo 'checks.negative_data_rejection.expected-statuses = [400, 401, 404, 405, 413, 415, 422, 429, "5xx"]' >schemathesis.toml
limit=(--max-examples 6 --max-time 25)
slow=(--request-timeout 300 --suppress-health-check all)  # what is hard for a busy machine or for whoever makes the questions is no fault of the server
if [ -n "${LATHE_LONG:-}" ]; then limit=(--max-examples 100); fi
"$python" -m schemathesis.cli run "$url/openapi.json" --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,unsupported_method \
  --phases coverage,fuzzing --seed 1 --continue-on-failure --no-color "${slow[@]}" "${limit[@]}" >report.txt 2>&1 || { tail -n 80 report.txt; fail "schemathesis found faults"; }
http GET /health >health.txt
grep -q '"status": "ok"' health.txt || fail "the engine is not well afterwards"
grep -E 'Tested:|generated' report.txt
