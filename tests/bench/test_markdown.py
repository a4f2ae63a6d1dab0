"""The report as Markdown: tables that GitHub draws, whatever the names are."""

import re
from pathlib import Path

from gantools.bench.markdown import markdown, write_markdown
from gantools.timing.environment import Load
from tests.bench.synthetic import everything, report, row


def cells(line: str) -> list[str]:
    """As GitHub splits a row: at pipes that no backslash escapes."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_table_has_the_same_number_of_cells_in_each_row() -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", markdown("Speed", everything()), flags=re.MULTILINE)
    assert len(blocks) == 4
    for block in blocks:
        lines = [cells(line) for line in block.splitlines()]
        assert len({len(line) for line in lines}) == 1
        assert set(lines[1]) <= {"---", "--:"}
        assert len(lines) > 2


def test_pipes_and_markup_in_names_are_text() -> None:
    text = markdown("a|b", report(row("x|y *bold* <b> `c` [l](u)\n## no"), row("other_name")))
    assert text.startswith("# a\\|b\n")
    assert r"| x\|y \*bold\* \<b\> \`c\` [l]\(u) \#\# no | 1 |" in text
    assert r"other\_name" in text
    assert "\n## no" not in text


def test_the_document_has_sentences_machine_and_command(tmp_path: Path) -> None:
    noisy = Load(
        elapsed_seconds=1.0, load_average=None, other_share=0.3, steal_share=0.0, warnings=("others used 30%.",)
    )
    made = report(row("a", flags=("it is doubtful.",)), row("b", count=5), load=noisy)
    write_markdown(tmp_path / "report.md", "Speed", made)
    text = (tmp_path / "report.md").read_text()
    assert "> **Doubtful:** others used 30%." in text
    assert "- [1] it is doubtful." in text
    assert "| CPU | Some CPU, 2 cores, 2 logical |" in text
    assert "+15 calls" in text
    assert "```sh\ngantools bench art/a art/b --batch 1,16\n```" in text
    assert "Scenarios" not in text


def test_a_command_with_backticks_stays_one_block() -> None:
    text = markdown("t", report(row("a"), command="gantools bench '```'"))
    assert "````sh\ngantools bench '```'\n````" in text
