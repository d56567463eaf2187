"""What is too long to travel whole: texts are cut, with a mark; lists come in
pieces."""

LONGEST = 64 << 20  # characters of a text in a report
MOST = 256 << 20  # bytes of a report
COLLECTED = 256 << 10  # characters of a text in a report of the collection
PIECE = 1 << 20  # of a list: what makes a piece


def fitting(data, encode):
    """The data encoded; of one that is too long, with its longest texts cut."""
    encoded = encode(data)
    longest = LONGEST
    while len(encoded) > MOST and longest:
        encoded = encode(shortened(data, longest))
        longest //= 8
    return encoded


def shortened(value, longest):
    """The value with the middle of every longer text left out."""
    if isinstance(value, str) and len(value) > longest:
        half = longest // 2
        return "%s\n[... shardyard left out %d characters ...]\n%s" % (value[:half], len(value) - 2 * half, value[len(value) - half :])
    if isinstance(value, dict):
        return {key: shortened(item, longest) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shortened(item, longest) for item in value]
    return value


def pieces(items, size):
    """The items in lists of at least one, none much larger than PIECE; one list,
    if an empty one, always."""
    piece, total = [], 0
    for item in items:
        if piece and total > PIECE:
            yield piece
            piece, total = [], 0
        piece.append(item)
        total += 64 + size(item)
    yield piece
