# frozen_string_literal: true

desc "Check the Ruby code's style"
task :lint do
  sh "bundle", "exec", "rubocop", "--format", "simple"
end
