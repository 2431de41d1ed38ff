"""Models of others, built anew to be measured beside this one; no part of the wheel."""
