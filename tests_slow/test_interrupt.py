"""An interrupt during sampling is an error that carries the draws there are."""

import subprocess
import sys

CODE = """
import os, signal, threading
import alliancecred as ac
spec = ac.read_spec(__import__("alliancecred.spec_file", fromlist=["x"]).models_dir() / "retrenchment_simulated.toml")
survey = ac.simulate(spec).survey
threading.Timer(float(os.environ["AFTER"]), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    ac.fit(spec, survey, random_seed=1, draws=200_000, chains=2, method="nuts", progressbar=False)
except ac.IncompleteFitError as error:
    print("incomplete:", error, error.partial.coordinates.shape)
except KeyboardInterrupt:
    print("interrupted before sampling")
"""


def test_sigint_never_returns_a_posterior():
    for after in ("2", "6", "12"):
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env={**__import__("os").environ, "AFTER": after},
        )
        assert "incomplete:" in done.stdout or "interrupted before sampling" in done.stdout, done.stdout + done.stderr
