# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the artist sees. Reads settings, `operators.session` and light facts of the scene; decides nothing.

`panel` is the frame, `idle`, `running` and `ended` fill it, the other rooms are its folded parts. Words come from
`dispatch.panel_words`, `dispatch.job_words` and `dispatch.wording`. Nothing is imported here: registration does that.
"""
