#!/usr/bin/env bash
# The tests under every version that README.md promises: the oldest torch on the oldest Python, the newest on each.
#
#   tests/versions.sh                      every Python of 3.10 to 3.14 that is installed
#   tests/versions.sh 3.10 3.13            those
#   TORCH="newest" tests/versions.sh 3.12  one of the two ends
#   tests/versions.sh 3.12 -- tests/unit   a part of the tests
#
# A Python that was named and is not there is an error; one of the default list is passed over, and said so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

oldest=("torch==2.14.0" "torchvision==0.29.0")   # the floor of pyproject.toml and README.md
newest=("torch" "torchvision")

pythons=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do pythons+=("$1") && shift; done
[ $# -gt 0 ] && shift
named=${#pythons[@]}
[ "$named" -gt 0 ] || pythons=(3.10 3.11 3.12 3.13 3.14)

python_of() {
    local found
    for found in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
        if "$found" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$found"
            return
        fi
    done
    return 1
}

failed=()
try() {
    local version=$1 end=$2 interpreter=$3 environment
    shift 3
    local -n packages=$end
    printf '\n=== Python %s, %s torch (%ss)\n' "$version" "$end" "$SECONDS"
    environment="$(mktemp -d)"
    if ! (
        "$interpreter" -m venv "$environment"
        "$environment/bin/pip" install --quiet -e ".[test]" "${packages[@]}"
        "$environment/bin/python" -c "import sys, torch; print(sys.version.split()[0], 'with torch', torch.__version__)"
        "$environment/bin/python" -m pytest "$@"
    ); then
        failed+=("Python $version with the $end torch")
    fi
    rm -rf "$environment"
}

tried=0
for version in "${pythons[@]}"; do
    if ! interpreter="$(python_of "$version")"; then
        echo "Python $version is not installed here."
        [ "$named" -eq 0 ] || exit 1
        continue
    fi
    for end in ${TORCH:-oldest newest}; do
        # The oldest torch has no wheels for Pythons that are younger than it.
        [ "$end" = oldest ] && [ "${version#3.}" -gt 13 ] && continue
        # Without TORCH it is tried where it matters most: on the oldest Python.
        [ -z "${TORCH:-}" ] && [ "$end" = oldest ] && [ "$version" != "${pythons[0]}" ] && continue
        try "$version" "$end" "$interpreter" "$@"
        tried=$((tried + 1))
    done
done

echo
[ "$tried" -gt 0 ] || { echo "No version was tried." >&2 && exit 1; }
if [ ${#failed[@]} -gt 0 ]; then
    printf 'Failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
echo "All $tried passed."
