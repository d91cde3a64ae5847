# frozen_string_literal: true

desc 'Compare costs with nginx: rake bench, or rake "bench[w1,n100k]"'
task :bench, [ :workloads ] do |_, arguments|
  sh "bench/run", *arguments.to_a
end

namespace :bench do
  desc "Test the benchmark's own reading and judging; starts no server"
  task :test do
    ruby "-w", "-e", "ARGV.each { |path| require File.expand_path(path) }", *Dir["bench/test/*_test.rb"]
  end
end
