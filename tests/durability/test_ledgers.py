"""The kill test's ledgers notice every kind of broken promise; otherwise it would prove nothing."""

from durability.fifo_load import FifoLoad
from durability.standard_load import StandardLoad, body_of


def standard() -> StandardLoad:
    """Five sends attempted, four acknowledged, number 1 deleted."""
    ledger = StandardLoad("url")
    ledger.attempted = {0, 1, 2, 3, 4}
    ledger.acknowledged = {0, 1, 2, 3}
    ledger.delete_attempted = {1}
    ledger.deleted = {1: 10.0}
    return ledger


def left(*numbers: int) -> list[dict]:
    return [{"Body": body_of(number)} for number in numbers]


def test_what_was_kept_is_no_fault():
    for numbers in ((0, 2, 3), (0, 2, 3, 4)):  # number 4 was never acknowledged: it may be there or not
        ledger = standard()
        ledger.check_what_is_left(left(*numbers))
        assert not ledger.wrong


def test_lost_doubled_revived_and_invented_messages_are_faults():
    for numbers in ((0, 2), (0, 2, 3, 3), (0, 1, 2, 3), (0, 2, 3, 9)):
        ledger = standard()
        ledger.check_what_is_left(left(*numbers))
        assert ledger.wrong, numbers


def test_receiving_the_deleted_the_hidden_and_the_damaged_are_faults():
    ledger = standard()
    assert ledger.check({"Body": body_of(2)}, asked=11.0) == 2 and not ledger.wrong
    ledger.check({"Body": body_of(2)}, asked=12.0)
    assert "twice" in ledger.wrong.pop()
    ledger.check({"Body": body_of(1)}, asked=11.0)
    assert "deleted" in ledger.wrong.pop()
    ledger.check({"Body": body_of(3)[:-1]}, asked=11.0)
    assert "nobody sent" in ledger.wrong.pop()


def fifo_message(number: int, message_id: str = "") -> dict:
    return {"Body": f"7:{number}", "MessageId": message_id or str(number)}


def test_fifo_gaps_returns_and_doubles_are_faults():
    ledger = FifoLoad("url")
    for number in (0, 1, 1, 2):
        ledger.check(fifo_message(number), {})
    assert not ledger.wrong
    ledger.check(fifo_message(4), {})
    assert "came before" in ledger.wrong.pop()
    ledger.check(fifo_message(1), {7: 2})
    assert "was deleted" in ledger.wrong.pop()
    ledger.check(fifo_message(2, "other id"), {})
    assert "stored twice" in ledger.wrong.pop()
