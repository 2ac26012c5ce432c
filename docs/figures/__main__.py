"""Write every image of the processing page, or those named."""

from __future__ import annotations

import sys

from docs.figures import FIGURES, IMAGES, drawn


def main(names: list[str]) -> None:
    """Write images into docs/images and say which."""
    for name in names or FIGURES:
        path = IMAGES / f"{name}.svg"
        path.write_text(drawn(name), encoding="utf-8", newline="\n")
        sys.stdout.write(f"docs/images/{path.name}: {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
