package engine

import (
	"fmt"
	"strconv"
	"strings"
)

// A UserError reports a user that a base does not know: a mistake in the config.
type UserError struct {
	User  string // as it was asked for
	Image string
	// Group is true if only the group is unknown.
	Group bool
}

func (e *UserError) Error() string {
	what := "user"
	if e.Group {
		what = "group"
	}
	return fmt.Sprintf("user %q: the image %s has no such %s; write root, a name that it has, or uid:gid in numbers", e.User, e.Image, what)
}

// SplitUser cuts "user[:group]". The group is "" where there is none.
func SplitUser(s string) (user, group string) {
	user, group, _ = strings.Cut(s, ":")
	return user, group
}

// ID reads a uid or gid in numbers.
func ID(s string) (id int, ok bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}
