package pytest

import "strings"

// Choose implements [framework.Chooser]: a test is chosen by its node id, which two
// tests may share.
func (Description) Choose(test string) (argument string, command []string) {
	if at := strings.LastIndex(test, " #"); at > 0 && strings.Trim(test[at+2:], "0123456789") == "" {
		test = test[:at]
	}
	return test, []string{"pytest", test}
}
