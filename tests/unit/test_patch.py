"""Patches as data: what is refused, with a row for each way in, and that git reads the rest as we do."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.errors import PatchRefused
from bot.policy.evaluate import protected_paths
from bot.policy.load import load
from bot.services.patch import MAX_BYTES, MAX_FILES, PatchFacts, examine

POLICY = Path(__file__).parents[2] / "policies" / "default.yml"
PROTECTED = protected_paths(load(POLICY.read_text(encoding="utf-8"), "default"))
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@invalid",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@invalid",
}
HUNK = "@@ -1 +1 @@\n-a\n+b\n"


def edit(path: str, hunk: str = HUNK, header: str = "") -> str:
    """A patch of one file."""
    return f"diff --git a/{path} b/{path}\n{header}--- a/{path}\n+++ b/{path}\n{hunk}"


def new(path: str, mode: str = "100644") -> str:
    """A patch that makes one file."""
    return f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+b\n"


def refusal(patch: str | bytes, patterns: tuple[str, ...] = PROTECTED) -> str:
    data = patch if isinstance(patch, bytes) else patch.encode()
    with pytest.raises(PatchRefused) as caught:
        examine(data, patterns)
    return str(caught.value)


ACCEPTED: list[tuple[str, str, tuple[str, ...], int, int]] = [
    ("an edit", edit("calc.py"), ("calc.py",), 1, 1),
    ("with an index line", edit("calc.py", header="index 1234567..89abcde 100644\n"), ("calc.py",), 1, 1),
    ("a new file", new("a/b/c.py"), ("a/b/c.py",), 1, 0),
    ("a new program", new("run.sh", "100755"), ("run.sh",), 1, 0),
    ("an empty new file", "diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n", ("x",), 0, 0),
    ("made executable", "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", ("x",), 0, 0),
    (
        "a deleted file",
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        ("x",),
        0,
        1,
    ),
    ("two files", edit("a.py") + edit("b.py"), ("a.py", "b.py"), 2, 2),
    (
        "no newline at the end",
        edit("x", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n" + "\\ No newline at end of file\n"),
        ("x",),
        1,
        1,
    ),
    ("an empty line of context", edit("x", "@@ -1,2 +1,2 @@\n\n-a\n+b\n"), ("x",), 1, 1),
    ("two hunks", edit("x", HUNK + "@@ -9,2 +9,1 @@ def f():\n c\n-d\n"), ("x",), 1, 2),
    (
        "content that looks like a header",
        edit("x", "@@ -1,2 +1,2 @@\n--- a/.github/x\n-diff --git a/y b/y\n+++ b/.github/x\n++\n"),
        ("x",),
        2,
        2,
    ),
    ("a name with a blank", "diff --git a/a b.py b/a b.py\n--- a/a b.py\t\n+++ b/a b.py\t\n" + HUNK, ("a b.py",), 1, 1),
    ("a name that looks like two", edit("x b/x"), ("x b/x",), 1, 1),
    ("a name in other letters", edit("müller/ß.py"), ("müller/ß.py",), 1, 1),
    ("lines that end in CR", edit("x", "@@ -1 +1 @@\n-a\r\n+b\r\n"), ("x",), 1, 1),
    ("empty lines at the end", edit("x") + "\n\n", ("x",), 1, 1),
    (".github in its name only", edit("src/github.py"), ("src/github.py",), 1, 1),
    (".gitignore", edit(".gitignore"), (".gitignore",), 1, 1),
    ("a tilde", edit("notes~"), ("notes~",), 1, 1),
]


@pytest.mark.parametrize(
    ("patch", "files", "added", "removed"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED]
)
def test_plain_edits_are_accepted(patch: str, files: tuple[str, ...], added: int, removed: int) -> None:
    assert examine(patch.encode(), PROTECTED) == PatchFacts(files, added, removed)


FORBIDDEN = [
    ".github/workflows/ci.yml", ".GITHUB/Workflows/ci.yml", ".github/CODEOWNERS", ".gitlab/x", ".gitlab-ci.yml",
    ".agent.yml", ".Agent.YML", "CODEOWNERS", "docs/CODEOWNERS", "docs/codeowners", ".gitmodules", ".gitattributes",
    "deep/.gitattributes", ".pre-commit-config.yaml", "Jenkinsfile", ".circleci/config.yml", "azure-pipelines.yml",
]  # fmt: skip


@pytest.mark.parametrize("path", FORBIDDEN)
@pytest.mark.parametrize("make", [edit, new], ids=["edit", "new"])
def test_protected_paths_are_refused(path: str, make: object) -> None:
    assert refusal(make(path)) == f"{path} is protected: a person must change it"  # type: ignore[operator]
    assert "is protected" in refusal(edit("calc.py") + make(path))  # type: ignore[operator]


@pytest.mark.parametrize(
    "path", [".github/workflows/ci.yml", ".Github/Workflows/x", ".agent.yml", ".gitmodules", "a/.gitattributes"]
)
def test_some_paths_are_protected_whatever_the_policy_says(path: str) -> None:
    assert "is protected" in refusal(edit(path), ())
    assert "is protected" in refusal(edit(path), ("!*", f"!{path}"))


ODD = [
    "../x", "a/../x", "./x", "a/./x", "/etc/passwd", "a//b", "a/", "..", ".", "a/..", "x.", "a./b", "...", " x", "x ",
    "a /b", "a\\b", "..\\x", 'a"b', "a:b", "C:/x", ".git::$INDEX", "a*", "a?", "a<b", "a>b", "a|b", "a\tb",
    "a\x1bb", "a\x7fb", "a\u200bb", "a\u202eb", ".g\u200cit/x", "\ufeffx", "a\u2028b", "a\u00a0b", "x" * 256,
    "d/" * 200 + "x",
]  # fmt: skip
OF_GIT = [
    ".git", ".git/config", ".GIT/config", ".Git/hooks/x", "sub/.git/config", "git~1", "GIT~1/config", "a/git~1/x",
    "gitmod~1", "GI7EBA~1",
]  # fmt: skip


@pytest.mark.parametrize("path", ODD, ids=[repr(path)[:30] for path in ODD])
def test_odd_paths_are_refused(path: str) -> None:
    said = refusal(edit(path))
    assert "is not a plain one" in said
    assert len(said) < 400


@pytest.mark.parametrize("path", OF_GIT)
def test_gits_own_paths_are_refused(path: str) -> None:
    assert "belongs to git itself" in refusal(edit(path))


@pytest.mark.parametrize("path", [".git ", ".git .", ".git. ", " .git", ".git.", ".git\t/config"])
def test_other_spellings_of_gits_own_paths_are_refused(path: str) -> None:
    assert "is not a plain one" in refusal(edit(path))


D = "diff --git a/x b/x\n"
REFUSED: list[tuple[str, str, str]] = [
    ("nothing", "", "is empty"),
    ("blanks", " \n\n", "is empty"),
    ("words", "Here is your patch:\n" + edit("x"), "does not begin with a file header"),
    ("a hunk only", HUNK, "does not begin with a file header"),
    ("an index line only", "index 1234567..89abcde\n", "does not begin with a file header"),
    ("no git header", "--- a/x\n+++ b/x\n" + HUNK, "does not begin with a file header"),
    ("an empty line first", "\n" + edit("x"), "follows an empty line"),
    ("a rename", "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n", "is renamed"),
    ("a hidden rename", D + "rename from x\nrename to .github/x\n", "renamed or copied"),
    ("a hidden rename, old words", D + "rename old x\nrename new y\n", "renamed or copied"),
    ("a copy", D + "copy from x\ncopy to y\n", "renamed or copied"),
    ("a similarity", D + "similarity index 90%\n", "renamed or copied"),
    ("a dissimilarity", D + "dissimilarity index 90%\n", "renamed or copied"),
    ("a new link", new("x", "120000"), "mode 120000 in x"),
    ("a link behind a plain mode", new("x", "120000 100644"), "mode 120000 100644 in x"),
    ("a plain mode before a link", new("x", "100644 120000"), "mode 100644 120000 in x"),
    ("a link by its index line", edit("x", header="index 1234567..89abcde 120000\n"), "mode 120000 in x"),
    ("a module", new("x", "160000"), "mode 160000 in x"),
    ("a module by its index line", edit("x", header="index 1234567..89abcde 160000\n"), "mode 160000 in x"),
    ("turned into a link", D + "old mode 100644\nnew mode 120000\n", "mode 120000 in x"),
    ("a private file", new("x", "100600"), "mode 100600 in x"),
    ("a group's file", new("x", "100664"), "mode 100664 in x"),
    ("setuid", new("x", "104755"), "mode 104755 in x"),
    ("a folder", new("x", "040000"), "mode 040000 in x"),
    ("a long mode", new("x", "0100644"), "mode 0100644 in x"),
    ("no mode", new("x", ""), "mode  in x"),
    ("a deleted link", D + "deleted file mode 120000\n", "mode 120000 in x"),
    ("binary", D + "index 1234567..89abcde 100644\nGIT binary patch\nliteral 3\nKcmZ\n", "is binary"),
    ("binary that differs", D + "index 1234567..89abcde 100644\nBinary files a/x and b/x differ\n", "is binary"),
    ("a strange index", D + "index ../..\n" + HUNK, "is not understood"),
    ("a word of its own", D + "hello\n", "is not understood"),
    ("a combined diff", "diff --cc x\n", "does not begin"),
    ("a combined diff later", edit("x") + "diff --cc x\n", "is not understood"),
    ("a quoted name", 'diff --git "a/x\\303\\244" "b/x\\303\\244"\n', "cannot be read"),
    ("half a quoted name", 'diff --git a/x "b/x"\n', "cannot be read"),
    ("no prefixes", "diff --git x x\n", "cannot be read"),
    ("other prefixes", "diff --git i/x w/x\n", "cannot be read"),
    ("prefixes the other way", "diff --git b/x a/x\n", "cannot be read"),
    ("no names", "diff --git \n", "cannot be read"),
    ("one name", "diff --git a/x\n", "cannot be read"),
    ("no path", "diff --git a/ b/\n", "is not a plain one"),
    ("headers that end in CR", edit("x").replace("\n", "\r\n"), "cannot be read"),
    ("headers that end in CR, twice", "diff --git a/x\r b/x\r\n" + HUNK, "is not a plain one"),
    ("no line feed at the end", edit("x").removesuffix("\n"), "does not end with a line feed"),
    ("a name that ends in CR", D + "--- a/x\r\n+++ b/x\n" + HUNK, "names another"),
    ("another old name", D + "--- a/y\n+++ b/x\n" + HUNK, "names another"),
    ("another new name", D + "--- a/x\n+++ b/.github/x\n" + HUNK, "names another"),
    ("another prefix", D + "--- b/x\n+++ a/x\n" + HUNK, "names another"),
    ("an absolute name", "diff --git a/y/x b/y/x\n--- a/y/x\n+++ /.y/x\n" + HUNK, "names another"),
    ("a date", D + "--- a/x\t2020-01-01\n+++ b/x\n" + HUNK, "names another"),
    ("new before old", D + "+++ b/x\n--- a/x\n" + HUNK, "names another"),
    ("old twice", D + "--- a/x\n--- a/x\n+++ b/x\n" + HUNK, "names another"),
    ("a hunk without names", D + HUNK, "is not understood"),
    ("a hunk after the old name", D + "--- a/x\n" + HUNK, "is not understood"),
    (
        "names of another file after a hunk",
        edit("x") + "--- a/x\n+++ /.github/y\n@@ -0,0 +1 @@\n+y\n",
        "between the hunks",
    ),
    ("names after an empty line", D + "\n--- a/x\n+++ b/x\n" + HUNK, "follows an empty line"),
    ("a mode after a hunk", edit("x") + "new mode 120000\n", "between the hunks"),
    ("a signature", edit("x") + "-- \n2.39.5\n", "between the hunks"),
    ("a header hidden in a hunk", edit("x", "@@ -1,9 +1,9 @@\n-a\n+b\n" + new(".github/x")), "begins with 'd'"),
    ("a hunk hidden in a hunk", edit("x", "@@ -1,9 +1,9 @@\n-a\n+b\n@@ -1 +1 @@\n"), "begins with '@'"),
    ("a hunk that ends early", edit("x", "@@ -1,2 +1,2 @@\n-a\n+b\n"), "cut short"),
    ("a hunk that goes on", edit("x", "@@ -1 +1 @@\n-a\n+b\n+c\n"), "between the hunks"),
    ("more new lines than announced", edit("x", "@@ -1,2 +1 @@\n-a\n+b\n+c\n"), "other lines than it announces"),
    ("more old lines than announced", edit("x", "@@ -1 +1,2 @@\n-a\n-b\n"), "other lines than it announces"),
    ("context that was not announced", edit("x", "@@ -0,0 +1 @@\n a\n"), "other lines than it announces"),
    ("other words about the end", edit("x", "@@ -1 +1 @@\n-a\n\\ hello\n+b\n"), "begins with '\\\\'"),
    ("other digits", edit("x", "@@ -\u0661 +1 @@\n-a\n+b\n"), "between the hunks"),
    ("a huge number", edit("x", f"@@ -1,{'9' * 5000} +1 @@\n-a\n+b\n"), "between the hunks"),
    ("a negative number", edit("x", "@@ -1,-1 +1 @@\n-a\n+b\n"), "between the hunks"),
    ("a combined hunk", edit("x", "@@@ -1 -1 +1 @@@\n-a\n+b\n"), "between the hunks"),
    ("a NUL", edit("x", "@@ -1 +1 @@\n-a\n+b\0\n"), "holds a NUL"),
    ("one file twice", edit("x") + edit("x"), "occurs twice"),
    ("one file twice, in capitals", edit("x/y") + edit("X/Y"), "occurs twice"),
    ("one file twice, composed otherwise", edit("\u00e9") + edit("e\u0301"), "occurs twice"),
    ("a folder in capitals and its file", edit("stra\u00dfe") + edit("STRASSE"), "occurs twice"),
    ("51 files", "".join(edit(f"f{number}") for number in range(MAX_FILES + 1)), "touches 51 files"),
]


@pytest.mark.parametrize(("patch", "problem"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_everything_else_is_refused(patch: str, problem: str) -> None:
    said = refusal(patch)
    assert problem in said
    assert len(said) < 500


def test_fifty_files_are_accepted() -> None:
    patch = "".join(edit(f"f{number}") for number in range(MAX_FILES))
    assert len(examine(patch.encode(), PROTECTED).files) == MAX_FILES


def test_other_encodings_are_refused() -> None:
    assert refusal(edit("x").encode("utf-16") + b"\n") == "the patch holds a NUL; only text is accepted"
    assert refusal(edit("x").encode().replace(b"b/x", b"b/\xff")).startswith("a file is renamed, or its name cannot be")
    assert refusal(edit("x").encode().replace(b"/x", b"/\xff")) == "the path '\\udcff' is not a plain one"
    assert refusal(new("x", "100644\udcff").encode("utf-8", "surrogateescape")).startswith("mode 100644\\udcff in x")


def test_lines_may_be_in_any_encoding() -> None:
    patch = edit("x", "@@ -1,2 +1,2 @@ d\udce9f\n \udce4\n-a\udcff\n+b\udcfe\n").encode("utf-8", "surrogateescape")
    assert b"+b\xfe\n" in patch
    assert examine(patch, PROTECTED) == PatchFacts(("x",), 1, 1)


def test_the_size_is_bounded() -> None:
    line, most = "+" + "b" * 998 + "\n", MAX_BYTES // 1000
    assert f"at most {MAX_BYTES}" in refusal(edit("x", f"@@ -0,0 +1,{most} @@\n" + line * most))
    fits = edit("x", f"@@ -0,0 +1,{most - 1} @@\n" + line * (most - 1))
    assert examine(fits.encode(), ()).added == most - 1


PIECES = [D, "--- a/x\n", "+++ b/x\n", HUNK, "new file mode 100644\n", "\n", "+x\n", "-x\n", " x\n"]


@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        found = examine(text.encode(errors="replace"), PROTECTED)
    except PatchRefused:
        return
    assert found.files


# --- real git
def git(where: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    done = subprocess.run(
        ["git", *arguments], cwd=where, input=stdin, capture_output=True, check=True, timeout=30, env=ENVIRONMENT
    )
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("repository")
    git(where, "init", "-q")
    return where


LIKE_HEADERS = ["--- a/x", "+++ b/x", "diff --git a/x b/x", "@@ -1 +1 @@", "-- ", "+", "-", "\\ x"]
LINES = st.sampled_from(["a", "b", "", "ü", "c\r", "\f", "\u2028", "\x1b[0m", *LIKE_HEADERS])
TEXTS = st.tuples(st.lists(LINES, max_size=12).map("\n".join), st.sampled_from(["", "\n"])).map("".join)
NAMES = st.sampled_from(
    ["x", "a b", "dir/file.py", "dir/a b/c", "x b/x", "ü.txt", "-f", "dev/null", "#1", "a'b", "@", "{}"]
)
TREES = st.dictionaries(NAMES, st.tuples(TEXTS, st.booleans()), max_size=4)


def commands(branch: str, tree: dict[str, tuple[str, bool]]) -> bytes:
    """Return what makes `git fast-import` store this tree as a branch."""
    made = [
        f"reset refs/heads/{branch}\ncommit refs/heads/{branch}\ncommitter t <t> 0 +0000\ndata 0\ndeleteall\n".encode()
    ]
    for name, (text, executable) in tree.items():
        data = text.encode()
        made.append(
            f'M {"100755" if executable else "100644"} inline "{name}"\ndata {len(data)}\n'.encode() + data + b"\n"
        )
    return b"".join(made)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TREES, after=TREES, context=st.integers(0, 3))
def test_what_git_makes_of_plain_edits_is_read_as_git_reads_it(
    repository: Path, before: dict[str, tuple[str, bool]], after: dict[str, tuple[str, bool]], context: int
) -> None:
    git(repository, "fast-import", "--quiet", "--force", stdin=commands("old", before) + commands("new", after))
    options = ["-c", "core.quotePath=false", "diff", f"-U{context}", "--no-renames", "--no-color", "--full-index"]
    patch = git(repository, *options, "old", "new")
    if not patch:
        return
    found = examine(patch, PROTECTED)
    counted = [
        row.split("\t") for row in git(repository, "apply", "--numstat", "-z", "-", stdin=patch).decode().split("\0")
    ]
    rows = [row for row in counted if row != [""]]
    assert sorted(found.files) == sorted(name for _, _, name in rows)
    assert found.added == sum(int(added) for added, _, _ in rows)
    assert found.removed == sum(int(removed) for _, removed, _ in rows)


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row[0])
def test_git_names_the_same_files_for_whatever_is_accepted(
    repository: Path, row: tuple[str, str, tuple[str, ...], int, int]
) -> None:
    counted = git(repository, "apply", "--numstat", "-z", "-", stdin=row[1].encode()).decode().split("\0")
    assert tuple(line.split("\t")[2] for line in counted if line) == row[2]
