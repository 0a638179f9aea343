#!/usr/bin/env python3
"""A program as a modeller has it: reads its input file, writes a JSON file; tests steer it by its arguments."""

import json
import random
import sys
from pathlib import Path

settings = json.loads(Path("input.json").read_text(encoding="utf-8"))
noise = random.Random(settings["seed"]).gauss(0.0, settings["noise"])
error = (settings["tau"] - 3.0) ** 2 + sum(settings["weights"]) + noise
Path("result.json").write_text(json.dumps({"error": error, "trace": settings["weights"], "more": "ignored"}))
print("tau =", settings["tau"], *sys.argv[1:])
