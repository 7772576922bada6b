# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks' states: whatever is done with them, each is in one state and comes out in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.ledger import Ledger, Seat, TaskState

HERE = Seat("card 1", "a")
OTHERS = (Seat("card 2", "b"),)


def test_tasks_come_in_order_and_those_that_are_done_never():
    ledger = Ledger(5, done=[0, 3])
    assert [ledger.take(0.0, HERE) for _ in range(4)] == [1, 2, 4, None]


def test_a_task_waits_for_its_time_and_then_comes_before_fresh_ones():
    ledger = Ledger(3)
    ledger.take(0.0, HERE)
    ledger.give_back(0, not_before=10.0)
    assert ledger.take(5.0, HERE) == 1
    assert ledger.take(10.0, HERE) == 0


def test_a_task_avoids_a_slot_while_another_works():
    ledger = Ledger(2)
    ledger.take(0.0, HERE)
    ledger.avoid(0, HERE)
    ledger.give_back(0, 0.0)
    assert ledger.take(0.0, HERE, OTHERS) == 1
    assert ledger.take(0.0, HERE, OTHERS) is None
    assert ledger.take(0.0, HERE) == 0


def test_blame_is_added_and_forgiven_and_a_finished_task_counts_as_retried():
    ledger = Ledger(1)
    ledger.take(0.0, HERE)
    assert ledger.blame(0, 1.0, "crashed") == 1.0
    ledger.forgive(0, 1.0)
    assert ledger.blamed(0) == 0.0
    ledger.done(0)
    assert (ledger.retried, ledger.settled(), ledger.trouble) == (1, True, {})


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "done", "back", "elsewhere", "give up"]), st.integers(0, 5)), max_size=60
)


@given(STEPS)
def test_every_task_is_in_one_state_and_the_counts_are_right(steps):
    ledger, out = Ledger(6), []
    for now, (step, pick) in enumerate(steps):
        if step == "take":
            task = ledger.take(float(now), HERE)
            if task is not None:
                assert task not in out
                out.append(task)
        elif out:
            task = out.pop(pick % len(out))
            match step:
                case "done":
                    ledger.done(task)
                case "back":
                    ledger.give_back(task, float(now + pick))
                case "elsewhere":
                    ledger.claimed_elsewhere(task, "render7", 1.0, float(now + pick))
                case "give up":
                    ledger.give_up(task)
        states = [ledger.state(t) for t in range(6)]
        assert all(ledger.counts[s] == states.count(s) for s in TaskState)
        assert [t for t in range(6) if states[t] is TaskState.OUT] == sorted(out)
        assert ledger.elsewhere == sum(t.elsewhere is not None for t in ledger.trouble.values())
        assert ledger.waiting() >= 0
