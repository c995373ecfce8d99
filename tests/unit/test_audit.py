"""The chain's canonical bytes and the audit's corner cases, without a database."""

import json
from dataclasses import fields, replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.keys import FileKeys
from bot.domain.envelope import Clock, Envelope, Zone
from bot.domain.facts import EffectFailed, EffectIntended, Fact, Handled, Received, Woken, encode
from bot.services import audit, chain, export


def _keys(zone: Zone) -> FileKeys:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return FileKeys(zone, pem, {})


ALL = {zone: _keys(zone) for zone in Zone}
BROKER = FileKeys(
    Zone.BROKER,
    ALL[Zone.BROKER]._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    {zone: keys.public[zone] for zone, keys in ALL.items()},
)


def sealed(stream: str, facts: list[Fact], zone: Zone = Zone.BROKER) -> list[Envelope]:
    made: list[Envelope] = []
    for version, fact in enumerate(facts, start=1):
        kind, body = encode(fact)
        previous = made[-1].hash if made else chain.GENESIS
        clock = Clock(1000, version)
        name = f"{stream}-{version}"
        draft = Envelope(name, stream, version, "c", clock, zone, kind, body, previous, "", ALL[zone].key_id, "")
        made.append(chain.seal(draft, ALL[zone]))
    return made


def exported(envelopes: list[Envelope], **changes: object) -> list[bytes]:
    """Make an export whose seal is signed and fits, but for the changes."""
    auditor = audit.Auditor(BROKER.verify)
    for envelope in envelopes:
        auditor.see(envelope)
    auditor.finish()
    lines = [export.line_of(envelope) for envelope in envelopes]
    digest = sha256(b"".join(lines)).hexdigest()
    line = export.seal_line(auditor, digest, BROKER, 12.5)
    seal = export.read_seal(line)
    assert seal is not None
    if changes:
        seal = {**seal, **changes}
        seal["signature"] = BROKER.sign(export._seal_message(seal)).hex()
        line = chain.canonical({"seal": seal}) + b"\n"
    return [*lines, line]


def verify(lines: list[bytes]) -> audit.Report:
    return export.verify_lines(lines, BROKER.verify, "installation", lines[-1])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_canonical_bytes_survive_being_read(value: object) -> None:
    data = chain.canonical(chain.clean_value(value))
    assert chain.canonical(chain.parse(data)) == data


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_cleaned_and_clean_text_stays(text: str) -> None:
    cleaned = chain.clean(text)
    cleaned.encode()
    assert chain.clean(cleaned) == cleaned
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert cleaned == text


def test_cleaning_reaches_every_text_of_a_value() -> None:
    value = {"a\ud800": ["b\udfff", {"c": ("d\ud800", 1, None, True, 1.5)}]}
    assert chain.clean_value(value) == {"a\ufffd": ["b\ufffd", {"c": ["d\ufffd", 1, None, True, 1.5]}]}


def _deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


def test_what_json_cannot_carry_is_a_value_error() -> None:
    for value in (2**53, float("nan"), "\ud800", object(), _deep(100_000)):
        with pytest.raises(ValueError, match=r".+"):
            chain.canonical(value)
    for text in ("NaN", "-Infinity", "[" * 100_000, "{", b"\xff", ""):
        with pytest.raises(ValueError, match=r".+"):
            chain.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740991", 2**53 - 1),
        ("9007199254740992", 2.0**53),
        ("-9007199254740993", -(2.0**53)),
        ("100000000000000000000", 1e20),
        ("7", 7),
    ],
)
def test_integers_that_only_a_float_can_have_written_are_floats(text: str, value: float) -> None:
    found = chain.parse(text)
    assert found == value
    assert type(found) is type(value)


ONE = sealed("run-1", [Woken("x")])[0]


def test_an_envelope_comes_back_from_json() -> None:
    assert chain.from_json(json.loads(json.dumps(chain.to_json(ONE)))) == ONE
    assert set(chain.to_json(ONE)) == {field.name for field in fields(Envelope)}


@pytest.mark.parametrize("name", [*(field.name for field in fields(Envelope)), "more"])
def test_any_other_form_is_no_envelope(name: str) -> None:
    clocks = ({"wall": True, "count": 1}, {"wall": 1}, {"wall": 1, "count": 1, "more": 1})
    for wrong in ([], True, 1.5, *(clocks if name != "body" else ())):
        with pytest.raises(ValueError, match=r"not an envelope|not a valid Zone"):
            chain.from_json({**chain.to_json(ONE), name: wrong})
    with pytest.raises(ValueError, match="not a valid Zone"):
        chain.from_json({**chain.to_json(ONE), "zone": "kitchen"})
    with pytest.raises(ValueError, match="not an envelope"):
        chain.from_json([])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"version": 2}, "version 1 should stand here"),
        ({"body": {"n": 2**60}}, "not canonicalisable"),
        ({"hash": "0" * 64}, "does not match its hash"),
        ({"signature": "zz"}, "signature is not by the key"),
        ({"signature": ""}, "signature is not by the key"),
    ],
)
def test_a_flaw_is_named(changes: dict[str, object], what: str) -> None:
    assert what in str(chain.flaw(replace(ONE, **changes), None, BROKER.verify))


def test_flaws_that_only_a_holder_of_keys_can_make_are_named() -> None:
    first, second = sealed("run-1", [Woken("x"), Woken("y")])
    unchained = chain.seal(replace(second, previous="1" * 64), ALL[Zone.BROKER])
    assert "does not continue" in str(chain.flaw(unchained, first, BROKER.verify))
    early = chain.seal(replace(second, clock=first.clock), ALL[Zone.BROKER])
    assert "is not later than" in str(chain.flaw(early, first, BROKER.verify))
    rightless = sealed("run-1", [Woken("x")], Zone.AGENT)[0]
    assert "may not sign Woken" in str(chain.flaw(rightless, None, BROKER.verify))
    assert chain.flaw(second, first, BROKER.verify) is None


def test_the_register_knows_a_set_of_streams_in_any_order() -> None:
    forth = chain.mark_with(chain.mark_with(chain.GENESIS, "a"), "b")
    back = chain.mark_with(chain.mark_with(chain.GENESIS, "b"), "a")
    assert forth == back != chain.GENESIS
    assert chain.mark_with(chain.mark_with(back, "a"), "b") == chain.GENESIS


def test_an_export_verifies() -> None:
    report = verify(exported(sealed("a", [Woken("x"), Woken("y")]) + sealed("b", [Woken("x")])))
    assert report.problem is None
    assert (report.envelopes, report.streams) == (3, 2)


@pytest.mark.parametrize(
    ("changes", "line", "what"),
    [
        ({"count": 1}, 4, "the seal counts 1 envelopes, there are 3"),
        ({"digest": "0" * 64}, 4, "digest is of other lines"),
        ({"heads": {}}, 1, "the seal does not know this stream"),
        ({"heads": "none"}, 1, "the seal does not know this stream"),
        ({"heads": {"a": 1}}, 4, "the seal names other ends"),
        ({"heads": {"a": {"version": 2, "hash": "0" * 64}}}, 2, "the seal has another end"),
        ({"zone": "kitchen"}, 4, "signature is not by the key"),
        ({"zone": "agent"}, 4, "signature is not by the key"),
    ],
)
def test_a_seal_that_does_not_fit_is_found(changes: dict[str, object], line: int, what: str) -> None:
    lines = exported(sealed("a", [Woken("x"), Woken("y")]) + sealed("b", [Woken("x")]), **changes)
    problem = verify(lines).problem
    assert problem is not None
    assert problem.line == line
    assert what in problem.what


def test_a_seal_written_otherwise_is_found() -> None:
    lines = exported(sealed("a", [Woken("x")]))
    lines[-1] = lines[-1].replace(b'{"seal":{', b'{"seal":{ ', 1)
    problem = verify(lines).problem
    assert problem is not None
    assert str(problem) == "line 2: the seal is not in canonical form (RFC 8785, one line)"


def test_a_line_written_otherwise_is_found() -> None:
    lines = exported(sealed("a", [Woken("x")]))
    lines[0] = lines[0].replace(b'{"body":', b'{ "body":', 1)
    problem = verify(lines).problem
    assert problem is not None
    assert str(problem) == "line 1 (stream a, version 1): it is not in canonical form (RFC 8785, one line)"


def test_an_envelope_whose_body_is_no_fact_is_found() -> None:
    one = chain.seal(replace(ONE, body={"nothing": 1}, hash="", signature=""), ALL[Zone.BROKER])
    problem = verify(exported([one])).problem
    assert problem is not None
    assert problem.what.startswith("its body is no Woken")


def test_an_id_used_twice_is_found() -> None:
    other = chain.seal(replace(ONE, stream="run-2", hash="", signature=""), ALL[Zone.BROKER])
    problem = verify(exported([ONE, other])).problem
    assert problem is not None
    assert problem.what == f"the id {ONE.id} is not the only one"


def test_a_delivery_received_twice_is_found() -> None:
    twice: list[Fact] = [Received("d-1", "issues", "x"), Received("d-1", "issues", "x")]
    problem = verify(exported(sealed("delivery:d-1", twice, Zone.RECEIVER))).problem
    assert problem is not None
    assert problem.what == "the delivery d-1 was received twice"


@pytest.mark.parametrize("stream", ["intake:github", "delivery:d-2"])
def test_a_delivery_received_in_the_stream_of_something_else_is_found(stream: str) -> None:
    problem = verify(exported(sealed(stream, [Received("d-1", "issues", "x")], Zone.RECEIVER))).problem
    assert problem is not None
    assert problem.what.startswith("the delivery d-1 was received elsewhere")


def test_a_delivery_handled_in_the_stream_of_another_is_found() -> None:
    problem = verify(exported(sealed("delivery:d-2", [Handled("d-1", "ignored", "r")]))).problem
    assert problem is not None
    assert problem.what == "the delivery d-1 was handled in the stream of something else"


def test_the_first_of_several_unknown_deliveries_is_named() -> None:
    streams = [sealed(f"delivery:{name}", [Handled(name, "ignored", "r")]) for name in ("a", "b")]
    problem = verify(exported([envelope for stream in streams for envelope in stream])).problem
    assert problem is not None
    assert (problem.line, problem.what) == (1, "the delivery a was handled but never received")


def test_an_effect_tried_again_and_left_so_is_an_open_one() -> None:
    facts = [EffectIntended("k", "push", "b"), EffectFailed("k", "no"), EffectIntended("k", "push", "b")]
    report = verify(exported(sealed("run-1", facts)))
    assert report.warnings == ("1 effects without an outcome: run-1 k",)


def test_many_unfinished_things_are_counted_and_a_few_named() -> None:
    names = [f"d-{number}" for number in range(5)]
    streams = [sealed(f"delivery:{name}", [Received(name, "issues", "x")], Zone.RECEIVER) for name in names]
    report = verify(exported([envelope for stream in streams for envelope in stream]))
    assert report.ok
    assert report.warnings == ("5 deliveries not handled: d-0, d-1, d-2, ...",)


@pytest.mark.parametrize(
    "seal",
    [{}, {"public": 1}, {"public": {"agent": 1}}, {"public": {"agent": {"k": 1}}}, {"public": {"kitchen": {}}}],
)
def test_a_seal_without_usable_keys_is_a_value_error(seal: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        export.declared_keys(seal)
