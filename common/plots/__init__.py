"""Drawing: one style, and the kinds of plot that several stages draw."""
