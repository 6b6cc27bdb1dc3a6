"""msgspec's words, turned into pointers and sentences."""

from vivesphere.kernel.field_errors import did_you_mean, field_error


def test_pointers_escape_what_rfc_6901_says() -> None:
    assert field_error("Object contains unknown field `a/b~c`").pointer == "/a~1b~0c"
    assert field_error("Expected `int`, got `str` - at `$.a[0][...].b`").pointer == "/a/0"
    assert field_error("Expected `int`, got `str` - at `key in $.a`").pointer == "/a"
    assert field_error("Expected `int`, got `str`").pointer == ""


def test_a_pointer_begins_where_the_value_lies() -> None:
    found = field_error("Object missing required field `id` - at `$.steps[0]`", "/definition")
    assert (found.pointer, found.detail) == ("/definition/steps/0/id", "is required")


def test_near_names_are_offered_and_none_are_not() -> None:
    assert did_you_mean(("roll", "role")) == "; did you mean roll or role?"
    assert did_you_mean(()) == ""
