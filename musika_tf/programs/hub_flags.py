"""The flag of the programs that copy a model to a hub or from one."""

from absl import flags

flags.DEFINE_string("repo", None, "the model on a hub: hf://user/name; of pull also hf://user/name@revision")
