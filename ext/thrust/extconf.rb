# frozen_string_literal: true

# Builds the thrust binary when the gem is installed from source; it lands in lib/thruster/thrust.

require_relative "../cargo_makefile"

CargoMakefile.new(product: "the thrust binary", file: "thrust").write do |make|
  # cargo install leaves the binary where it is told, whatever triple and directories cargo is configured for.
  root = File.join(File.dirname(make.built), "root")
  [ make.cargo_with("install", "--locked", "--force", "--no-track", "--bin", "thrust", "--path", __dir__, "--root", root, "--target-dir", make.target),
    "mv #{make.word(File.join(root, "bin/thrust"))} #{make.word(make.built)}" ]
end
