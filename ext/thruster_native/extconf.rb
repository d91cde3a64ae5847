# frozen_string_literal: true

# Builds the extension when the gem is installed from source; it lands in lib/thruster. Everything but the compression of
# assets and the checks of settings in Ruby works without it.

require_relative "../cargo_makefile"

CargoMakefile.new(product: "the extension", file: "thruster_native.#{RbConfig::CONFIG["DLEXT"]}").write do |make|
  library = "libthruster_native.#{RbConfig::CONFIG["SOEXT"]}"
  triple = ENV["CARGO_BUILD_TARGET"].to_s
  made = File.join(make.target, triple, "release", library)
  # rb-sys asks the Ruby that RUBY names for its headers.
  [ "RUBY=#{make.word(RbConfig.ruby)} " + make.cargo_with("build", "--release", "--locked", "--package", "thruster_native",
      "--manifest-path", File.join(CargoMakefile::ROOT, "Cargo.toml"), "--target-dir", make.target),
    "cp #{make.word(made)} #{make.word(make.built)}" ]
end
