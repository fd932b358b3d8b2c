"""The test PLC must itself be right: what it shows, when, and with which status and time."""

import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

from asyncua import ua
from asyncua.sync import Client

HERE = Path(__file__).parent
RECORDING = "timestamp,Flow,Pressure\n100,1.5,7\n101,,8\n"


class Playing:
    """A running plc.py; it ends with the block."""

    def __init__(self, *args: str):
        self.args = args

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        recording = Path(self.folder.name) / "recording.csv"
        recording.write_text(RECORDING)
        command = [sys.executable, "-u", str(HERE / "plc.py"), str(recording), *self.args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.line().removeprefix("ready ")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def line(self) -> str:
        return self.process.stdout.readline().strip()

    def read(self, column: str) -> ua.DataValue:
        with Client(self.endpoint) as client:
            ns = client.get_namespace_index("urn:andon:test:plc")
            return client.get_node(ua.NodeId(f"Plc.{column}", ns)).read_data_value(raise_on_bad_status=False)


class PlcTest(unittest.TestCase):
    def test_a_variable_waits_for_its_first_value(self):
        with Playing("--start-delay", "60") as plc:
            self.assertEqual(plc.read("Flow").StatusCode.value, ua.StatusCodes.BadWaitingForInitialData)

    def test_the_last_row_is_shown_with_its_own_time_and_an_empty_cell_is_bad(self):
        with Playing("--speed", "100", "--linger", "60") as plc:
            self.assertEqual(plc.line(), "done")
            pressure = plc.read("Pressure")
            self.assertEqual(pressure.Value.Value, 8.0)
            self.assertEqual(pressure.SourceTimestamp, datetime.fromtimestamp(101, timezone.utc))
            self.assertEqual(plc.read("Flow").StatusCode.value, ua.StatusCodes.BadSensorFailure)

    def test_a_rebased_recording_is_of_the_present(self):
        with Playing("--speed", "100", "--rebase", "now", "--linger", "60") as plc:
            self.assertEqual(plc.line(), "done")
            age = datetime.now(timezone.utc) - plc.read("Pressure").SourceTimestamp
            self.assertLess(abs(age), timedelta(seconds=30))


if __name__ == "__main__":
    unittest.main()
