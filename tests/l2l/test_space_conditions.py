import pytest

from l2l.errors import SpaceError
from l2l.space import Categorical, Fixed, Integer, ParameterSpace, Real
from tests.l2l.spaces import travelled

PARAMETERS = {
    "x": Real(0.0, 10.0),
    "k": Integer(0, 10),
    "model": Categorical("alpha", "exp", "delta"),
    "level": Categorical(1, 2.5, None),
    "plastic": Categorical(True, False),
    "pair": Categorical((1, "a"), (2, "b")),
    "syn.w": Real(0.0, 1.0),
    "vector": Real(0.0, 1.0, shape=2),
    "mode": Fixed("fast"),
    "limit": Fixed(4.0),
}
POINT = {"x": 3.0, "k": 3, "model": "exp", "level": 2.5, "plastic": True, "pair": (2, "b"), "syn.w": 0.25}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x == k", True),
        ("x > k", False),
        ("2 < x <= 3", True),
        ("2 < x < 3", False),
        ("x != 3 or k == 3", True),
        ("not (x != 3 or k == 3)", False),
        ("not x > 5 and k >= 1", True),
        ("model == 'exp'", True),
        ("'exp' != model", False),
        ("model in ['alpha', 'exp']", True),
        ("model in ('alpha',)", False),
        ("model not in {'alpha', 'delta'}", True),
        ("k in [1, 2, 3]", True),
        ("x in []", False),
        ("level == 2.5", True),
        ("level == None", False),
        ("level in [None, 1]", False),
        ("plastic", True),
        ("not plastic", False),
        ("plastic == False", False),
        ("pair == (2, 'b')", True),
        ("pair in [(1, 'a')]", False),
        ("syn.w < 0.5", True),
        ("syn.w * 4 + k / 2 - 1 == 1.5", True),
        ("-x < -2", True),
        ("x > -1", True),
        ("x / 0 > 1", True),
        ("x / (k - 3) < 1", False),
        ("mode == 'fast' and x < limit", True),
        ("model < 'f'", True),
        ("True", True),
        ("False", False),
    ],
)
def test_conditions_mean_what_they_say(text, expected):
    space = ParameterSpace(PARAMETERS, constraints=[text])
    assert space.feasible([space.individual(POINT)]).tolist() == [expected]
    assert space.violated(space.individual(POINT)) == (None if expected else text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x >", "cannot be read"),
        ("", "cannot be read"),
        ("y > 1", "no parameter 'y'"),
        ("modle == 'exp'", "did you mean 'mode' or 'model'"),
        ("syn.v > 1", "did you mean 'syn.w'"),
        ("plastic == true", "the literal is written True"),
        ("abs(x) > 1", r"'abs\(x\)' is not part of conditions"),
        ("x ** 2 > 1", "is not part of conditions"),
        ("x[0] > 1", "is not part of conditions"),
        ("x > 1 if k else x", "expected a comparison"),
        ("__import__('os').system('true')", "expected a comparison"),
        ("x", "expected a comparison, got 'x'"),
        ("x + 1", "expected a comparison"),
        ("x is 3", "compare values with == and !="),
        ("x in model", "expected a list of values"),
        ("vector > 1", r"'vector' is an array of shape \(2,\)"),
        ("model > 1", "have no order"),
        ("x == 'a'", "one is a number and the other is not"),
        ("model + 1 > 2", "calculates with what is no number"),
        ("level < 2", "have no order"),
        ("x > 1j", "is not part of conditions"),
        ("(x := 3) > 1", "is not part of conditions"),
        ("(" * 500 + "x" + ")" * 500 + " > 1", "cannot be read"),
        ("x > \0", "cannot be read"),
        (3, "expected text"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_reason(text, message):
    with pytest.raises(SpaceError, match=message) as caught:
        ParameterSpace(PARAMETERS, constraints=[text])
    assert str(caught.value).startswith("constraints: ")


def test_an_error_in_when_names_the_parameter():
    with pytest.raises(SpaceError, match=r"parameter 'f': when: 'amplitud > 0': .*did you mean 'amplitude'"):
        ParameterSpace(amplitude=Real(0, 1), f=Real(1, 2, when="amplitud > 0"))


def test_circles_are_refused():
    with pytest.raises(SpaceError, match="circle: a → b → a"):
        ParameterSpace(a=Real(0, 1, when="b > 0"), b=Real(0, 1, when="a > 0"))
    with pytest.raises(SpaceError, match="circle: a → a"):
        ParameterSpace(a=Real(0, 1, when="a > 0"))


def test_conditions_follow_one_another_whatever_the_order_of_declaration():
    space = ParameterSpace(
        third=Real(0, 1, when="second > 0.5"), second=Real(0, 1, when="first > 0.5"), first=Real(0, 1)
    )
    assert space.individual({"first": 0.9, "second": 0.9}).inactive == frozenset()
    assert space.individual({"first": 0.9, "second": 0.1}).inactive == {"third"}
    assert space.individual({"first": 0.1, "second": 0.9}).inactive == {"second", "third"}


@pytest.mark.parametrize(
    ("when", "active"),
    [
        ("f > 0", False),
        ("not f > 0", False),
        ("f > 0 or a < 1", True),
        ("f > 0 and a < 1", False),
        ("f not in [1]", False),
        ("f + a > 0", False),
    ],
)
def test_what_an_inactive_parameter_leaves_undecided_activates_nothing(when, active):
    space = ParameterSpace(a=Real(0, 1), f=Real(0, 9, when="a > 0.5"), g=Real(0, 1, when=when))
    assert ("g" not in space.individual({"a": 0.1}).inactive) is active


@pytest.mark.parametrize(
    ("constraint", "feasible"),
    [("f > 5", True), ("not f > 5", True), ("f > 5 and a > 0.5", False), ("f > 5 or a > 0.5", True)],
)
def test_what_an_inactive_parameter_leaves_undecided_violates_nothing(constraint, feasible):
    space = ParameterSpace(a=Real(0, 1), f=Real(0, 9, when="a > 0.5"), constraints=[constraint])
    assert space.feasible([space.individual({"a": 0.1})]).tolist() == [feasible]


def test_conditions_travel_with_a_pickled_space():
    space = ParameterSpace(a=Real(0, 1), f=Real(0, 9, when="a > 0.5"), constraints=["a < f"])
    again = travelled(space)
    assert again.individual({"a": 0.1}).inactive == {"f"}
    assert again.constraints == ("a < f",)


def test_a_fixed_parameter_without_effect_does_not_count():
    space = ParameterSpace(a=Real(0, 1), f=Real(1, 9, when="a > 0"))
    assert space.narrow({"f": 3}).individual({"a": 0}) == space.narrow({"f": 4}).individual({"a": 0})
    assert space.narrow({"f": 3}).individual({"a": 1}) == space.individual({"a": 1, "f": 3})
