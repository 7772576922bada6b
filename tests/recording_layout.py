# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Blender's layout: remembers what is drawn on it, and checks what Blender would only print.

Every operator, property, menu, panel and icon must exist, and what was drawn must fit its width: `needed` adds up the
measured texts as Blender lays them out (a column is as wide as its widest part, a row as all of them, a split gives
each its share). Runs inside a Python with bpy.
"""

from __future__ import annotations

from typing import Any

import blf
import bpy

ICON, EDGE, ARROW, SPLIT = 20, 8, 14, 0.4
"""Pixels of an icon, around a button's text, of a menu's arrow; the part of a label where properties are split."""
ICONS = frozenset(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


def measured(text: str) -> float:
    blf.size(0, 11.0)
    return blf.dimensions(0, text)[0]


class Given:
    """An operator's properties, as ``layout.operator`` returns them."""

    def __init__(self, name: str) -> None:
        kind, _, rest = name.partition(".")
        operators = getattr(bpy.ops, kind)
        assert rest in dir(operators), f"there is no operator {name}"
        self.__dict__["allowed"] = getattr(operators, rest).get_rna_type().properties
        self.__dict__["name"] = name
        self.__dict__["values"] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.allowed, f"{self.name} has no property {name}"
        known = self.allowed[name]
        if known.type == "ENUM":
            assert value in known.enum_items, f"{self.name}: {name} cannot be {value}"
        elif known.type == "STRING":
            assert isinstance(value, str), f"{self.name}: {name} is a text"
        self.values[name] = value


class Layout:
    """One container; the outermost one is what a panel draws on."""

    def __init__(self, kind: str = "column", said: list[str] | None = None, factor: float = 0.0) -> None:
        self.kind, self.factor = kind, factor
        self.said: list[str] = [] if said is None else said
        self.parts: list[Layout | float] = []
        self.operators: list[str] = []
        self.given: list[Given] = []
        """The same operators with their properties."""
        self.use_property_split = False
        self.heading = ""

    # --- containers -----------------------------------------------------------------------------------------------

    def _inner(self, kind: str, factor: float = 0.0, heading: str = "") -> Layout:
        inner = Layout(kind, self.said, factor)
        inner.use_property_split, inner.operators, inner.heading = self.use_property_split, self.operators, heading
        inner.given = self.given
        self.parts.append(inner)
        return inner

    def row(self, align: bool = False, heading: str = "") -> Layout:
        return self._inner("row", heading=heading)

    def column(self, align: bool = False, heading: str = "") -> Layout:
        return self._inner("column", heading=heading)

    def box(self) -> Layout:
        return self._inner("box")

    def split(self, factor: float = 0.0, align: bool = False) -> Layout:
        return self._inner("split", factor)

    # --- what can be seen -----------------------------------------------------------------------------------------

    def _put(self, text: str, *, icon: str = "NONE", more: float = 0.0) -> None:
        assert icon in ICONS, f"there is no icon {icon}"
        if text:
            self.said.append(text)
        self.parts.append(measured(text) + (ICON if icon != "NONE" else 0) + more)

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self._put(text, icon=icon)

    def progress(self, factor: float = 0.0, text: str = "") -> None:
        assert 0.0 <= factor <= 1.0, factor
        self._put(text, more=EDGE)

    def operator(
        self, name: str, text: str | None = None, icon: str = "NONE", emboss: bool = True, depress: bool = False
    ) -> Given:
        given = Given(name)
        self.operators.append(name)
        self.given.append(given)
        label = given.allowed.data.name if text is None else text
        self._put(label, icon=icon, more=EDGE if label else 0)
        return given

    def menu(self, name: str, text: str | None = None, icon: str = "NONE") -> None:
        assert hasattr(bpy.types, name), f"there is no menu {name}"
        self._put(text if text is not None else getattr(bpy.types, name).bl_label, icon=icon, more=EDGE + ARROW)

    def popover(self, panel: str, text: str = "", icon: str = "NONE") -> None:
        assert hasattr(bpy.types, panel), f"there is no panel {panel}"
        self._put(text, icon=icon)

    def prop(
        self,
        data: Any,
        name: str,
        text: str | None = None,
        expand: bool = False,
        icon: str = "NONE",
        emboss: bool = True,
        placeholder: str = "",
    ) -> None:
        known = data.bl_rna.properties[name]
        label = known.name if text is None else text
        if expand:
            row = self.row()
            for item in known.enum_items:
                row._put(item.name, more=EDGE)
        elif self.use_property_split and label and known.type != "BOOLEAN":
            split = self.split(factor=SPLIT)
            split._put(label, more=EDGE)
            split._put(placeholder or (_widest(known) if known.type == "ENUM" else ""), more=EDGE + ARROW)
        else:
            self._put(label, icon=icon, more=EDGE + (ICON if known.type == "BOOLEAN" else 0))

    def template_list(self, kind: str, _id: str, data: Any, name: str, active: Any, index: str, rows: int = 5) -> None:
        assert hasattr(bpy.types, kind), f"there is no list {kind}"
        assert name in data.bl_rna.properties
        assert index in active.bl_rna.properties
        self.parts.append(100.0)

    def separator(self, factor: float = 1.0) -> None:
        self.parts.append(4.0)

    def context_string_set(self, name: str, value: str) -> None:
        assert isinstance(value, str)

    # --- does it fit? ---------------------------------------------------------------------------------------------

    def needed(self) -> float:
        """Pixels without which Blender would cut something."""
        widths = [part.needed() if isinstance(part, Layout) else part for part in self.parts]
        if not widths:
            return 0.0
        if self.kind == "row":
            return sum(widths) + (measured(self.heading) / SPLIT if self.heading else 0)
        if self.kind == "split":
            shares = [self.factor or 1 / len(widths)] + [(1 - self.factor) / (len(widths) - 1 or 1)] * (len(widths) - 1)
            return max(width / share for width, share in zip(widths, shares, strict=True))
        return max(widths) + (8 if self.kind == "box" else 0)


def _widest(known: Any) -> str:
    return max((item.name for item in known.enum_items), key=measured, default="")
