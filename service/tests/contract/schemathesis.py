import os, pathlib, sys, tempfile
from schemathesis.cli import schemathesis

# A body that is too large is refused for that, whatever else is wrong with it.
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
"""

sys.argv = [
    "schemathesis",
    "run",
    os.environ["URL"] + "/openapi.json",
    "--header=Authorization: Bearer " + os.environ["TOKEN"],
    "--seed=" + os.environ["SEED"],
    "--max-examples=" + os.environ["EXAMPLES"],
    "--no-color",
    # What a schema cannot say is refused all the same: passwords that everybody tries, days that run backwards.
    "--exclude-checks=positive_data_acceptance",
    # The session that all of this is asked in has to last.
    "--exclude-path=/api/v1/auth/logout",
]
# It keeps what it found for later runs, of which there are none.
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    pathlib.Path("schemathesis.toml").write_text(SETTINGS)
    schemathesis()
