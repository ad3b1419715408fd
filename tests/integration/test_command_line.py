"""The command line as a process of its own."""

import json
import subprocess
import sys


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import json,sys; import deploy.cli; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(result.stdout))
    assert not loaded & {"pydantic", "numpy", "cv2", "confluent_kafka", "faust", "redis", "fastapi", "psutil"}
