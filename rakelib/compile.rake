# frozen_string_literal: true

RELEASE_BINARY = "target/release/thrust"

desc "Build the binary and put it where exe/thrust finds it"
task compile: "compile:release" do
  install RELEASE_BINARY, "lib/thruster/thrust", mode: 0o755
end

namespace :compile do
  # --target-dir: the tasks look there, whatever CARGO_TARGET_DIR says.
  task :release do
    sh "cargo", "build", "--release", "--locked", "--bin", "thrust", "--target-dir", "target"
  end
end
