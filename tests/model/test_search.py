from pillarbox.model.search import All, And, Instant, Not, Or, Within, leaves, replaced, settled


def test_settled_makes_intervals_firm():
    older, younger = Within(60, older=True), Within(60, older=False)
    tree = And((Not(older), Or((All(), younger))))
    # RFC 5032 2: a message of exactly that age is both older and younger.
    before, since = Instant("internal", "before", 941), Instant("internal", "since", 940)
    assert settled(tree, 1000.9) == And((Not(before), Or((All(), since))))


def test_what_does_not_change_stays_the_same_object():
    tree = And((Not(All()), Or((All(), All()))))
    assert replaced(tree, lambda leaf: leaf) is tree
    assert list(leaves(settled(tree, 5))) == [All()] * 3
