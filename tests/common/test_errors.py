from common.errors import quote_lines, quote_names


def test_few_lines_and_names_are_quoted_whole():
    assert quote_lines(["a", "b"]) == "\n  a\n  b"
    assert quote_names(["a", "b"]) == "a, b"
    assert quote_names([]) == ""


def test_of_many_the_first_five_are_quoted():
    assert quote_lines(list("abcdefg")) == "\n  a\n  b\n  c\n  d\n  e\n  ... and 2 more"
    assert quote_names(list("abcdefg")) == "a, b, c, d, e, ..."
