"""HTML as a value: what is text stays text, and what cannot be seen is written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli.html import Markup, program, sheet, tag, text
from tests.cli.browser import Document


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("</style><b>", "&lt;/style&gt;&lt;b&gt;"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
        ("one\ntwo\tthree", "one\ntwo\tthree"),
        ("x\u2028y", 'x<b class="odd" title="line separator">⟨U+2028⟩</b>y'),
        ("pay\u202e001", 'pay<b class="odd" title="right-to-left override">⟨U+202E⟩</b>001'),
        ("a\u200bb", 'a<b class="odd" title="zero width space">⟨U+200B⟩</b>b'),
        ("\x1b[31m", '<b class="odd" title="a control character">⟨U+001B⟩</b>[31m'),
        ("\ud800", '<b class="odd" title="a control character">⟨U+D800⟩</b>'),
        ("\r", '<b class="odd" title="a control character">⟨U+000D⟩</b>'),
        ("naïve 漢字 🙂", "naïve 漢字 🙂"),
    ],
)
def test_text_is_shown_and_never_obeyed(hostile, shown):
    assert text(hostile) == shown
    assert tag("p", hostile) == f"<p>{shown}</p>"


@given(st.text(), st.text())
def test_whatever_a_text_is_it_makes_no_element_and_no_attribute(content, value):
    odd = ("b", {"class", "title"})
    for name, attributes, _ in Document(tag("p", content, title=value)).elements:
        assert (name, set(attributes)) in (("p", {"title"}), odd)


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"])))
def test_what_can_be_seen_comes_out_as_it_went_in(content):
    if not any(f"⟨U+{ord(one):04X}⟩" in text(content) for one in content):
        assert "".join(part for _, part in Document(tag("p", content)).all("p")) == content


def test_attributes_are_quoted_and_none_is_made_by_a_value():
    assert tag("p", title='" onload="x', class_=None, hidden=True) == '<p title="&quot; onload=&quot;x" hidden></p>'
    assert tag("a", "e", href="#e12") == '<a href="#e12">e</a>'


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://x", "//x", "#a b", "", "#\nx", "#e1'"])
def test_links_lead_within_the_page_only(link):
    with pytest.raises(ValueError, match="within the page"):
        tag("a", href=link)


@pytest.mark.parametrize("name", ["script", "iframe", "img", "style", "form", "object", "p onclick"])
def test_elements_that_a_page_does_not_need_are_not_made(name):
    with pytest.raises(ValueError, match="no element"):
        tag(name)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "srcset", "action", "formaction"])
def test_attributes_that_a_page_does_not_need_are_not_made(name):
    with pytest.raises(ValueError, match="no attribute"):
        tag("p", **{name: "x"})


def test_markup_is_taken_as_it_is_and_lists_of_it_too():
    assert tag("ul", [tag("li", "a"), None, [tag("li", "<")]]) == "<ul><li>a</li><li>&lt;</li></ul>"
    assert isinstance(text("x"), Markup)


@pytest.mark.parametrize("make", [sheet, program])
def test_what_is_ours_cannot_end_early(make):
    with pytest.raises(ValueError, match="holds no markup"):
        make("a { content: '</style>' }")
    assert "a" in make("a {}")
