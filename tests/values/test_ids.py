"""The text of ids, against the vectors of semantics 3.7 and a slow reading of the same rules."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbconvex.clock import ManualClock
from nbconvex.errors import ValueInvalidError
from nbconvex.values.ids import ALPHABET, IdMaker, decode_id, encode_id

INTERNAL = bytes(range(16))
VECTORS = {
    1: "040020g30g2gc1r81450p30d1r7qke8",
    127: "fw0020g30g2gc1r81450p30d1r7ze5r",
    128: "g00g00820c20a1g7104gm2rc1m70zyds",
    10001: "j57000820c20a1g7104gm2rc1m70ynr8",
    16383: "zxzg00820c20a1g7104gm2rc1m70zxg5",
    16384: "g2002001081g81860w40j2gb1g6gw3vs74",
}


@pytest.mark.case("ids/encode_vectors")
def test_ids_have_the_text_of_the_vectors():
    assert {number: encode_id(number, INTERNAL) for number in VECTORS} == VECTORS
    assert {number: decode_id(text) for number, text in VECTORS.items()} == {n: (n, INTERNAL) for n in VECTORS}


@pytest.mark.case("ids/decode_vector")
def test_ids_of_the_platform_are_read():
    assert decode_id("1f053fgh2tt2fc93mw3sn2x09h5bj08") == (11, bytes.fromhex("c051be1116b427b123a7079a8ba04c4a"))
    assert decode_id("kg27rxfv99gzp01wmph0gvt92d6hnvy6") == (540, bytes.fromhex("7c75fb4a61fb003ca5a2086f49134d1a"))


@pytest.mark.case("ids/length_by_table")
def test_length_grows_with_the_number_of_the_table():
    numbers = [1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**32 - 1]
    assert [len(encode_id(number, INTERNAL)) for number in numbers] == [31, 31, 32, 32, 34, 34, 36, 36, 37, 37]


def slow_text(table_number, internal):
    """The rules of semantics 3.7, one by one."""
    body = bytearray()
    while table_number >= 128:
        body.append(table_number % 128 + 128)
        table_number //= 128
    body.append(table_number)
    body += internal
    first = second = 0
    for byte in body:
        first = (first + byte) % 256
        second = (second + first) % 256
    body += bytes([first, second])
    bits = "".join(f"{byte:08b}" for byte in body)
    bits += "0" * (-len(bits) % 5)
    return "".join(ALPHABET[int(bits[place : place + 5], 2)] for place in range(0, len(bits), 5))


@given(st.integers(1, 2**32 - 1) | st.integers(1, 20_000), st.binary(min_size=16, max_size=16))
def test_text_follows_the_rules_and_reads_back(table_number, internal):
    text = encode_id(table_number, internal)
    assert text == slow_text(table_number, internal)
    assert decode_id(text) == (table_number, internal)


@given(st.text(ALPHABET, min_size=31, max_size=37))
def test_whatever_is_read_is_the_one_text_of_its_id(text):
    try:
        table_number, internal = decode_id(text)
    except ValueInvalidError:
        return
    assert encode_id(table_number, internal) == text


@pytest.mark.case("ids/bad_alphabet")
@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "",
        VECTORS[10001].upper(),
        *("j57000820c20a1g7104gm2rc1m70ynr" + letter for letter in "ilou!_ +-é"),
        "-" + VECTORS[10001][1:],
        "+" + VECTORS[10001][1:],
        " " + VECTORS[10001][1:],
        VECTORS[10001][:15] + "_" + VECTORS[10001][16:],
        VECTORS[10001] + "0",
        VECTORS[10001][:-1],
        "0" * 33,
        "0" * 35,
    ],
)
def test_what_is_no_id_is_refused(text):
    with pytest.raises(ValueInvalidError, match="unable to decode ID"):
        decode_id(text)


@pytest.mark.case("ids/non_canonical_tail")
@pytest.mark.parametrize("number", [1, 16384])
def test_spare_bits_must_be_zero(number):
    text = encode_id(number, INTERNAL)
    other = text[:-1] + ALPHABET[ALPHABET.index(text[-1]) + 1]
    with pytest.raises(ValueInvalidError, match="unable to decode ID"):
        decode_id(other)


def test_every_changed_letter_is_noticed():
    text = VECTORS[10001]
    for place, letter in enumerate(text):
        for other in ALPHABET.replace(letter, ""):
            with pytest.raises(ValueInvalidError):
                decode_id(text[:place] + other + text[place + 1 :])


def text_of_body(prefix):
    """The text of a body with this varint, whatever it stands for."""
    body = bytes(prefix) + INTERNAL
    first = sum(body) % 256
    second = sum((len(body) - place) * byte for place, byte in enumerate(body)) % 256
    bits = "".join(f"{byte:08b}" for byte in body + bytes([first, second]))
    bits += "0" * (-len(bits) % 5)
    return "".join(ALPHABET[int(bits[place : place + 5], 2)] for place in range(0, len(bits), 5))


@pytest.mark.parametrize(
    "prefix", [[0], [0x81, 0x00], [0x80, 0x80], [0x01, 0x01], [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0x80]]
)
def test_table_numbers_have_one_spelling(prefix):
    with pytest.raises(ValueInvalidError):
        decode_id(text_of_body(prefix))


def test_the_helper_of_the_test_above_writes_real_ids():
    assert text_of_body([1]) == VECTORS[1]


def test_long_garbage_is_shown_short():
    with pytest.raises(ValueInvalidError) as caught:
        decode_id("x" * 10_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.case("ids/ids_unique")
def test_made_ids_differ_and_end_with_the_day():
    clock = ManualClock(now_ms=86_400_000.0 * 20_000)
    maker = IdMaker(random.Random(1), clock)
    made = [maker.make() for _ in range(100_000)]
    assert len(set(made)) == len(made)
    assert {internal[14:] for internal in made} == {(20_000).to_bytes(2, "big")}
    assert all(len(internal) == 16 for internal in made)
    assert made != sorted(made)
    clock.advance(86_400)
    assert maker.make()[14:] == (20_001).to_bytes(2, "big")
