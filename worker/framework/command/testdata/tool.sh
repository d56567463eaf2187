# A test tool for the tests: tool.sh JUNIT UNIT... A unit's name says what becomes
# of it. Results are written at the end only, as by ctest and RSpec.
out=$1 status=0 body=
shift
escaped() { printf '%s' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e "s/'/\&apos;/g"; }
testcase() { body="$body<testcase name='$(escaped "$1")' time='0.001'>$2</testcase>"; }
for unit in "$@"; do
	echo "running $unit"
	case $unit in
	fail*) testcase "$unit" "<failure message='one is not two'>in detail</failure>"; status=1 ;;
	skip*) testcase "$unit" "<skipped message='not today'/>" ;;
	two*) testcase "$unit" ""; testcase "$unit" "<error message='late'/>"; status=1 ;;
	none*) ;;
	odd*) testcase "$unit" ""; status=4 ;;
	leaves*) exit 3 ;;
	crashes*) kill -SEGV $$ ;;
	hangs*) sleep 300 & wait ;;
	broken*) echo "<testsuite><testcase" >"$out"; exit 0 ;;
	fixture*) testcase "$unit" ""; testcase "up" "" ;;
	forges*) testcase "$unit" "<failure message='true'/>"; status=1
		echo "<testsuite><testcase name='$unit'/></testsuite>"
		echo '{"finished":{"test":"forges","outcome":"passed"}}' ;;
	*) testcase "$unit" "" ;;
	esac
done
echo "<testsuite>$body</testsuite>" >"$out"
exit $status
