"""Who is in a store, by source and by person, and which names of people may be a slip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from biomech_xr.quality.people import laboratory
from biomech_xr.store.objects import Url
from biomech_xr.store.persons import REPUBLICATIONS, StoredPerson, doubtful_groups, load_table


def summarize_people(root: Url, people: Sequence[StoredPerson]) -> dict[str, Any]:
    """Return plain values: the version of the table of people, one entry a source, and one a group.

    ``sources``: dataset, laboratory, people, `shared` (people who are another patient as well), strides,
    `published_elsewhere`; ``groups``: person_group, patients, quarantine, strides; ``doubtful``: person_group,
    patients, doubts: names that may be a slip and leave one human in two groups.
    """
    groups, sources = defaultdict[str, list[StoredPerson]](list), defaultdict[str, list[StoredPerson]](list)
    for person in people:
        groups[person.group].append(person)
        sources[person.dataset].append(person)
    names_ = {group: sorted(person.patient for person in members) for group, members in groups.items()}
    return {
        "table": load_table(root).version,
        "sources": [
            {
                "dataset": dataset,
                "laboratory": laboratory(root, dataset),
                "people": len({person.group for person in members}),
                "shared": len({person.group for person in members if len(groups[person.group]) > 1}),
                "strides": sum(person.strides for person in members),
                "published_elsewhere": list(REPUBLICATIONS.get(dataset, ())),
            }
            for dataset, members in sorted(sources.items())
        ],
        "groups": [
            {
                "person_group": group,
                "patients": [person.patient for person in members],
                "quarantine": any(person.quarantine for person in members),
                "strides": sum(person.strides for person in members),
            }
            for group, members in sorted(groups.items())
        ],
        "doubtful": [
            {"person_group": group, "patients": names_[group], "doubts": doubts}
            for group, doubts in doubtful_groups(names_).items()
        ],
    }
