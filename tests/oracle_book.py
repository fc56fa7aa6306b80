"""The referee: a book as slow and obvious as the text of market-rules.md.

It keeps one list of dicts, scans all of it at every question, tries a command on a copy and throws
the copy away where the rules say that nothing happened. It shares no code with the book that it
judges but the ids of facts.
"""

import hashlib
import json
from fractions import Fraction
from math import floor
from typing import Any

from udfs.ids import event_id

Order = dict[str, Any]
Fact = tuple[str, dict[str, Any]]
O1_DEFAULTS = {
    "time_in_force": "",
    "expires_at_ms": 0,
    "post_only": False,
    "min_fill": 1,
    "self_trade": "cancel_newest",
    "region": "",
    "min_duration_seconds": 0,
    "available_until_ms": 0,
}


class Referee:
    """A book by the rules' letter."""

    def __init__(self, book_id: str) -> None:
        self.book_id = book_id
        self.time = 0
        self.seq = 0
        self.halted = False
        self.top = 0
        self.book_minimum = 1
        self.last: dict[str, int] = {}
        self.resting: list[Order] = []
        self.facts: list[Fact] = []
        self.command: dict[str, Any] = {}

    def apply(self, command: dict[str, Any], at_ms: int) -> list[Fact]:
        self.facts = []
        self.command = command
        source = command.get("source", "")
        if source:  # B5
            if command["source_seq"] <= self.last.get(source, 0):
                return []
            self.last[source] = command["source_seq"]
        self.time = max(self.time, at_ms)  # B3
        self._expire()  # M1
        getattr(self, "_" + command["kind"])(command.get(command["kind"]) or {})
        return self.facts

    # commands

    def _place_order(self, body: dict[str, Any]) -> None:
        order = {**O1_DEFAULTS, **body, "account_id": self.command.get("account_id", "")}
        order.update(remaining=order["quantity"], filled=0, value=0, priority=None)
        if self._find(order["order_id"]) is not None:  # O2
            text = f"order {order['order_id']} is open in {self.book_id} (O2)"
            self._reject(order["order_id"], "ORDER_KEY_REUSED", text)
        elif self.halted:  # H1
            self._reject_halted(order["order_id"])
        elif order["expires_at_ms"] != 0 and order["expires_at_ms"] <= self.time:  # M1
            self._created(order)
            self._closed(order, "expired")
        elif order["post_only"] and self._crossing_eligible(order):  # M2
            self._reject_post_only(order)
        else:
            self._created(order)
            self._enter(order)

    def _cancel_order(self, body: dict[str, Any]) -> None:
        order = self._mine(body["order_id"])
        if order is None:
            self._reject_not_open(body["order_id"])
        else:
            self.resting.remove(order)
            self._closed(order, "user")

    def _amend_order(self, body: dict[str, Any]) -> None:
        if self.halted:
            self._reject_halted(body["order_id"])
            return
        order = self._mine(body["order_id"])
        if order is None:
            self._reject_not_open(body["order_id"])
            return
        total = order["filled"] + order["remaining"]
        new_total = body.get("quantity", 0) if body.get("quantity", 0) != 0 else total
        new_price = body.get("price_micros", 0)
        if new_price == 0:
            new_price = order["price_micros"]
        if (new_total, new_price) == (total, order["price_micros"]):
            text = f"quantity {new_total} and price {new_price} micro-USD are as they were (C2)"
            self._reject(order["order_id"], "AMEND_NO_CHANGE", text)
        elif new_total <= order["filled"]:
            self.resting.remove(order)
            self._closed(order, "user")
        elif new_price == order["price_micros"] and new_total < total:
            order["remaining"] = new_total - order["filled"]
            self._amended(order)
        else:
            anew = dict(order, price_micros=new_price, remaining=new_total - order["filled"])
            if anew["post_only"] and self._crossing_eligible(anew):
                self._reject_post_only(anew)
                return
            self.resting.remove(order)
            self._amended(anew)
            anew["priority"] = self.seq
            self._enter(anew)

    def _withdraw(self, body: dict[str, Any]) -> None:
        order = self._mine(body["order_id"])
        if order is None or order["side"] == "bid":
            self._reject_not_open(body["order_id"])
        elif body["quantity"] == 0:
            text = "a withdrawal of 0 changes nothing (C3)"
            self._reject(body["order_id"], "AMEND_NO_CHANGE", text)
        elif order["remaining"] - body["quantity"] <= 0:
            self.resting.remove(order)
            self._closed(order, "capacity_lost")
        else:
            order["remaining"] -= body["quantity"]
            self._amended(order)

    def _set_book(self, body: dict[str, Any]) -> None:
        self.top = body.get("top", 0)
        self.book_minimum = body.get("book_minimum", 1)

    def _tick(self, body: dict[str, Any]) -> None:
        if self.command.get("source", "") == "":
            self._status(self.state_hash() if body.get("want_hash") else None)

    def _halt_book(self, _: dict[str, Any]) -> None:
        self.halted = True
        self._status(None)

    def _resume_book(self, _: dict[str, Any]) -> None:
        self.halted = False
        self._status(None)

    # matching

    def _enter(self, order: Order) -> None:
        """M3 to M7, tried on a copy first where the plan may be dropped."""
        before = [dict(other) for other in self.resting], self.seq, dict(order)
        facts_before = list(self.facts)
        wanted = order["remaining"]
        stopped = self._match(order)
        traded = wanted - order["remaining"]
        dropped = None
        if order["time_in_force"] == "FOK" and traded < wanted:
            dropped = "fok"
        elif order["min_fill"] != 1 and traded < min(order["min_fill"], wanted):
            dropped = "min_fill"
        if dropped:
            self.resting, self.seq, undone = before
            order.clear()
            order.update(undone)
            self.facts = facts_before
        if order["remaining"] == 0:
            return
        if dropped == "fok":
            self._closed(order, "fok")
        elif stopped:
            self._closed(order, "self_trade")
        elif order["time_in_force"] == "IOC":
            self._closed(order, "ioc")
        else:
            self.resting.append(order)

    def _match(self, order: Order) -> bool:
        """Trade level by level; True where self-trade stopped it (S2)."""
        own_closed: list[Order] = []
        stopped = False
        for price in self._crossing_prices(order):
            if order["remaining"] == 0:
                break
            level = [o for o in self._crossing_eligible(order) if o["price_micros"] == price]
            own = [o for o in level if o["account_id"] == order["account_id"]]
            if own and order["self_trade"] == "cancel_newest":
                stopped = True
                break
            own_closed.extend(own)
            level = [o for o in level if o["account_id"] != order["account_id"]]
            for other, quantity in self._allocate(order["remaining"], level):
                self._trade(order, other, quantity)
        self.resting = [o for o in self.resting if o["remaining"] > 0 and o not in own_closed]
        for own in own_closed:
            self._closed(own, "self_trade")
        return stopped

    def _allocate(self, q: int, level: list[Order]) -> list[tuple[Order, int]]:
        """A1 to A4, in their words."""
        if not level:
            return []
        rem = {o["order_id"]: o["remaining"] for o in level}
        least = {o["order_id"]: min(o["min_fill"], o["remaining"]) for o in level}
        topped = {o["order_id"]: 0 for o in level}
        first = level[0]["order_id"]
        if self.top > 0:  # A1
            topped[first] = min(self.top, q, rem[first])
            q -= topped[first]
            rem[first] -= topped[first]
        total = sum(rem.values())
        share = dict.fromkeys(rem, 0)
        if q >= total:  # A2
            share = dict(rem)
        else:
            for name in rem:  # A3
                share[name] = floor(Fraction(rem[name] * q, total))
                if share[name] < max(self.book_minimum, least[name]):
                    share[name] = 0
            leftover = q - sum(share.values())
            for name in rem:  # A4
                more = min(leftover, rem[name] - share[name])
                if topped[name] + share[name] + more >= least[name]:
                    share[name] += more
                    leftover -= more
        got = [(o, topped[o["order_id"]] + share[o["order_id"]]) for o in level]
        return [(o, quantity) for o, quantity in got if quantity > 0]

    def _trade(self, order: Order, other: Order, quantity: int) -> None:
        bid, ask = (order, other) if order["side"] == "bid" else (other, order)
        price = Fraction(bid["price_micros"] + ask["price_micros"], 2)  # M4
        assert price.denominator == 1, "U1: the midpoint is exact"
        for side in (bid, ask):
            side["remaining"] -= quantity
            side["filled"] += quantity
            side["value"] += quantity * int(price)
        header = self._header()
        gpu_type, product = self.book_id.rsplit(".", 1)
        self.facts.append(
            (
                "order_matched",
                {
                    **header,
                    "trade_id": header["event_id"],
                    "bid_order_id": bid["order_id"],
                    "ask_order_id": ask["order_id"],
                    "buyer_id": bid["account_id"],
                    "seller_id": ask["account_id"],
                    "gpu_type": gpu_type,
                    "product": product,
                    "quantity": quantity,
                    "price_micros": int(price),
                    "bid_price_micros": bid["price_micros"],
                    "ask_price_micros": ask["price_micros"],
                    "duration_seconds": bid["duration_seconds"],
                    "region": ask["region"],
                    "aggressor": order["side"],
                    "bid_remaining": bid["remaining"],
                    "ask_remaining": ask["remaining"],
                    "bid_filled": bid["filled"],
                    "ask_filled": ask["filled"],
                    "bid_filled_value_micros": bid["value"],
                    "ask_filled_value_micros": ask["value"],
                },
            )
        )

    # looking

    def _crossing_eligible(self, order: Order) -> list[Order]:
        """Who rests, crosses and is eligible, by time priority (E)."""
        found = []
        for other in self.resting:
            if other["side"] == order["side"] or other["remaining"] == 0:
                continue
            bid, ask = (order, other) if order["side"] == "bid" else (other, order)
            if bid["price_micros"] >= ask["price_micros"] and self._eligible(bid, ask):
                found.append(other)
        return sorted(found, key=lambda other: other["priority"])

    def _eligible(self, bid: Order, ask: Order) -> bool:
        length = bid["duration_seconds"]
        e1 = ask["min_duration_seconds"] <= length <= ask["duration_seconds"]
        e2 = bid["region"] == "" or bid["region"] == ask["region"]
        until = ask["available_until_ms"]
        e3 = until == 0 or self.time + length * 1000 <= until
        return e1 and e2 and e3

    def _crossing_prices(self, order: Order) -> list[int]:
        prices = {other["price_micros"] for other in self._crossing_eligible(order)}
        return sorted(prices, reverse=order["side"] == "ask")

    def _find(self, order_id: str) -> Order | None:
        found = [order for order in self.resting if order["order_id"] == order_id]
        assert len(found) <= 1
        return found[0] if found else None

    def _mine(self, order_id: str) -> Order | None:
        order = self._find(order_id)
        mine = order is not None and order["account_id"] == self.command.get("account_id", "")
        return order if mine else None

    def _expire(self) -> None:
        gone = [o for o in self.resting if o["expires_at_ms"] and o["expires_at_ms"] <= self.time]
        for order in sorted(gone, key=lambda o: (o["expires_at_ms"], o["priority"])):
            self.resting.remove(order)
            self._closed(order, "expired")

    # facts

    def _header(self) -> dict[str, Any]:
        self.seq += 1
        return {
            "event_id": event_id(self.book_id, self.seq),
            "book_id": self.book_id,
            "book_seq": self.seq,
            "occurred_at_ms": self.time,
            "command": self.command["kind"],
            "command_id": self.command.get("command_id", ""),
        }

    def _tell(self, kind: str, **fields: Any) -> None:
        self.facts.append((kind, {**self._header(), **fields}))

    def _created(self, order: Order) -> None:
        names = ["account_id", "order_id", "side", "quantity", "price_micros", "duration_seconds"]
        self._tell("order_created", **{name: order[name] for name in [*names, *O1_DEFAULTS]})
        order["priority"] = self.seq

    def _amended(self, order: Order) -> None:
        self._tell(
            "order_amended",
            order_id=order["order_id"],
            account_id=order["account_id"],
            quantity=order["filled"] + order["remaining"],
            price_micros=order["price_micros"],
            remaining=order["remaining"],
        )

    def _closed(self, order: Order, reason: str) -> None:
        self._tell(
            "order_closed",
            order_id=order["order_id"],
            account_id=order["account_id"],
            reason=reason,
            remaining=order["remaining"],
        )

    def _status(self, state_hash: str | None) -> None:
        status = "halted" if self.halted else "open"
        self._tell("book_status", status=status, hash=state_hash)

    def _reject(self, order_id: str, code: str, detail: str) -> None:
        account_id = self.command.get("account_id", "")
        self._tell(
            "order_rejected", order_id=order_id, account_id=account_id, code=code, detail=detail
        )

    def _reject_not_open(self, order_id: str) -> None:
        text = f"order {order_id} is not an open order of yours (C1)"
        self._reject(order_id, "ORDER_NOT_OPEN", text)

    def _reject_halted(self, order_id: str) -> None:
        text = f"{self.book_id} is halted, it takes no orders and no amends (H1)"
        self._reject(order_id, "BOOK_HALTED", text)

    def _reject_post_only(self, order: Order) -> None:
        text = f"a post-only {order['side']} at {order['price_micros']} micro-USD"
        text = f"{text} would meet a resting order (M2)"
        self._reject(order["order_id"], "POST_ONLY_WOULD_TRADE", text)

    # state

    def rows(self) -> dict[str, str]:
        """The state in its canonical form, as `Book.state_hash` describes it."""
        header = [1, self.time, self.seq, self.halted, self.top, self.book_minimum]
        rows: dict[str, list[Any]] = {"book": header}
        for source, seq in self.last.items():
            rows[f"s:{source}"] = [1, seq]
        for o in self.resting:
            rows[f"o:{o['order_id']}"] = [
                1,
                o["account_id"],
                o["side"],
                o["remaining"],
                o["price_micros"],
                o["duration_seconds"],
                o["time_in_force"],
                o["expires_at_ms"],
                o["post_only"],
                o["min_fill"],
                o["self_trade"],
                o["region"],
                o["min_duration_seconds"],
                o["available_until_ms"],
                o["filled"],
                o["value"],
                o["priority"],
            ]
        return {
            key: json.dumps(row, separators=(",", ":"), ensure_ascii=False)
            for key, row in rows.items()
        }

    def state_hash(self) -> str:
        lines = [f"{key} {text}\n" for key, text in self.rows().items()]
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
