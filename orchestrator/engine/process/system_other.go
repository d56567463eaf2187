//go:build !linux && !darwin

package process

import "errors"

const supported = false

func memory() (int64, error) { return 0, errors.New("read size of memory: unknown system") }
