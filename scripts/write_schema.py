"""Write apvg/evaluation/report.schema.json, and the tables of docs/evaluation.md that the code
knows.

python scripts/write_schema.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from apvg.evaluation import glossary, schema

ROOT = Path(__file__).parents[1]


def main() -> None:
    path = ROOT / "apvg" / "evaluation" / schema.FILE
    path.write_text(json.dumps(schema.report_schema(), indent=1) + "\n", encoding="utf-8")
    docs = ROOT / "docs" / "evaluation.md"
    text = docs.read_text(encoding="utf-8")
    for name, table in (("figures", glossary.markdown_table()), ("keys", schema.markdown_table())):
        pattern = rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)"
        text = re.sub(
            pattern, lambda found, t=table: f"{found[1]}{t}\n{found[2]}", text, flags=re.S
        )
    docs.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
