"""Does nothing but an account's own key open its tokens?"""

import base64
import dataclasses
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tool_runner.adapters.vault.seal_tokens import KeyMissing, Sealed, TokenSeal, Unsealable, fields_of, sealed_from
from tool_runner.adapters.vault.vault_keys import VaultKeys, VaultKeysUnusable, read_keys
from tool_runner.domain.accounts import Account

names = st.text(max_size=40)
accounts = st.builds(Account, names, names, names)
masters = st.binary(min_size=32, max_size=64)
texts = st.binary(max_size=2_000)


def seal_with(**keys: bytes) -> TokenSeal:
    return TokenSeal(VaultKeys(keys))


@given(accounts, masters, texts)
def test_what_was_sealed_for_an_account_opens_for_it(account: Account, master: bytes, text: bytes) -> None:
    seal = seal_with(k=master)
    stored = fields_of(seal.close(account, text))
    assert seal.open(account, sealed_from(stored)) == text
    assert len(text) < 8 or text not in base64.b64decode(stored["sealed"])


@given(accounts, accounts, masters, texts)
def test_no_account_opens_anothers_tokens(one: Account, other: Account, master: bytes, text: bytes) -> None:
    assume(one != other)
    seal = seal_with(k=master)
    with pytest.raises(Unsealable):
        seal.open(other, seal.close(one, text))


@given(accounts, names, st.sampled_from(["tenant", "entity", "app"]))
def test_a_record_moved_to_another_tenant_entity_or_app_does_not_open(account: Account, name: str, field: str) -> None:
    moved = dataclasses.replace(account, **{field: name})
    assume(moved != account)
    seal = seal_with(k=b"k" * 32)
    stored = seal.close(account, b"token")
    with pytest.raises(Unsealable):
        seal.open(moved, stored)
    with pytest.raises(Unsealable):
        seal.wrapped_again(moved, stored)


@given(st.lists(names, min_size=3, max_size=3), st.integers(1, 5))
def test_names_do_not_run_into_each_other(parts: list[str], cut: int) -> None:
    """Letters moved from one name to the next make another account."""
    tenant, entity, app = parts
    assume(0 < cut <= len(entity))
    moved = Account(tenant + entity[:cut], entity[cut:], app)
    assert moved.place != Account(tenant, entity, app).place and moved.id != Account(tenant, entity, app).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("t", "a/b", "c"), ("t", "a", "b/c")),
        (("t", 'a", "b', "c"), ("t", "a", 'b", "c')),
        (("t", "", "a"), ("t", "a", "")),
        (("t", "\ud83d\ude00", "c"), ("t", "\U0001f600", "c")),
        (("t", "\\ud83d\\ude00", "c"), ("t", "\U0001f600", "c")),
        (("t", "é", "c"), ("t", "e\u0301", "c")),
        (("t", "a\x00", "c"), ("t", "a", "c")),
    ],
)
def test_names_that_look_alike_are_two_accounts(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    first, second, seal = Account(*one), Account(*other), seal_with(k=b"k" * 32)
    assert first.id != second.id
    with pytest.raises(Unsealable):
        seal.open(second, seal.close(first, b"token"))


@given(texts, st.sampled_from(["wrapped", "sealed"]), st.data())
def test_a_flipped_bit_does_not_open(text: bytes, field: str, data: st.DataObject) -> None:
    account, seal = Account("acme", "ann", "shop"), seal_with(k=b"k" * 32)
    stored = fields_of(seal.close(account, text))
    raw = bytearray(base64.b64decode(stored[field]))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    stored[field] = base64.b64encode(raw).decode()
    with pytest.raises(Unsealable):
        seal.open(account, sealed_from(stored))


@given(accounts, texts, texts)
def test_parts_of_two_records_of_one_account_do_not_open_together(account: Account, old: bytes, new: bytes) -> None:
    seal = seal_with(k=b"k" * 32)
    first, second = seal.close(account, old), seal.close(account, new)
    with pytest.raises(Unsealable):
        seal.open(account, dataclasses.replace(first, sealed=second.sealed))


@given(accounts, masters, masters, texts)
def test_another_master_key_under_the_same_id_does_not_open(
    account: Account, master: bytes, other: bytes, text: bytes
) -> None:
    assume(master != other)
    with pytest.raises(Unsealable):
        seal_with(k=other).open(account, seal_with(k=master).close(account, text))


@given(accounts, texts)
def test_a_record_wrapped_again_opens_with_the_new_key_alone(account: Account, text: bytes) -> None:
    old, new = b"o" * 32, b"n" * 32
    stored = seal_with(old=old).close(account, text)
    again = seal_with(new=new, old=old).wrapped_again(account, stored)
    assert again.sealed == stored.sealed and seal_with(new=new).open(account, again) == text
    with pytest.raises(KeyMissing, match="'new', which this process does not have"):
        seal_with(old=old).open(account, again)


@pytest.mark.parametrize("field", ["wrapped", "sealed"])
@pytest.mark.parametrize("value", ["", "AAAA", "not base64!", "é"])
def test_what_was_never_sealed_does_not_open(field: str, value: str) -> None:
    account, seal = Account("acme", "ann", "shop"), seal_with(k=b"k" * 32)
    broken: Sealed = dataclasses.replace(seal.close(account, b"x"), **{field: value})
    with pytest.raises(Unsealable):
        seal.open(account, broken)


GOOD = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.mark.parametrize(
    ("given_keys", "reason"),
    [
        ("", "0 keys, must be 1 to 16"),
        (",".join(f"k{n}:{GOOD}" for n in range(17)), "17 keys, must be 1 to 16"),
        (GOOD, "key 1: the id must match"),
        (f"a b:{GOOD}", "key 1: the id must match"),
        ("k:*secret*", r"key 1 \(k\) is not base64"),
        (f"k:{base64.b64encode(b'short-secret').decode()}", r"key 1 \(k\) has 12 bytes, must be at least 32"),
        (f"k:{GOOD},k:{GOOD}", "key 2: the id k is there twice"),
    ],
)
def test_unusable_keys_are_told_by_their_place_and_never_by_their_value(given_keys: str, reason: str) -> None:
    with pytest.raises(VaultKeysUnusable, match=reason) as refused:
        read_keys(given_keys, None)
    assert not any(word in str(refused.value) for word in ("secret", "c2hvcnQ", GOOD))


def test_keys_come_from_a_file_too_and_show_no_value(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"new:{GOOD}\n\nold:{GOOD}\n")
    keys = read_keys("", file)
    assert (keys.newest, keys.older) == ("new", ("old",))
    assert GOOD not in repr(TokenSeal(keys)) and "0123456789" not in repr(TokenSeal(keys))
    with pytest.raises(VaultKeysUnusable, match="not both"):
        read_keys(f"k:{GOOD}", file)
    with pytest.raises(VaultKeysUnusable, match="No such file"):
        read_keys("", tmp_path / "none")
