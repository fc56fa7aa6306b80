"""The contract's files agree with each other, and what is generated from them is fresh."""

from schemas import contract, generate, names


def test_generated_files_are_fresh() -> None:
    assert generate.main(["--check"]) == 0


def test_each_topic_has_a_record() -> None:
    assert {topic.record for topic in contract.topics().values()} <= set(contract.records())


def test_each_fact_goes_to_a_topic_that_carries_its_record() -> None:
    for kind, topic in names.FACT_TOPICS.items():
        assert contract.snake(contract.topics()[topic].record) == kind


def test_command_topics_are_stamped_by_the_broker() -> None:
    stamped = {name for name, topic in contract.topics().items() if topic.log_append_time}
    assert stamped == {names.ACCOUNTS_COMMANDS, names.BOOKS_COMMANDS, names.NODES_COMMANDS}


def test_a_books_facts_and_snapshots_are_in_partitions_like_its_log() -> None:
    """A replay reads one partition of each topic."""
    topics = contract.topics()
    by_book = {each.partitions for each in topics.values() if "book_id" in each.key}
    assert by_book == {topics[names.BOOKS_COMMANDS].partitions}


def test_each_record_is_used() -> None:
    used = {topic.record for topic in contract.topics().values()}
    inside = {name for record in used for name in contract.records() if name in str(
        contract.expanded(record))}  # fmt: skip
    assert set(contract.records()) == used | inside


def test_the_partitions_and_retention_of_the_specification() -> None:
    specified = {
        "orders.created": (10, 7),
        "orders.matched": (10, 7),
        "orders.cancelled": (10, 7),
        "telemetry.gpu": (32, 1),
        "telemetry.node": (32, 1),
    }
    for name, (partitions, days) in specified.items():
        topic = contract.topics()[name]
        assert (topic.partitions, topic.retention_days) == (partitions, days)


def test_the_catalogue_holds_what_the_api_contract_lists() -> None:
    catalogue = contract.catalogue()
    assert len(catalogue.gpu_types) == 17
    assert catalogue.products == ("ondemand", "spot", "reserved")
    assert len(catalogue.regions) == 4
