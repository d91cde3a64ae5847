# frozen_string_literal: true

require "thruster"
require "thruster/assets/run"

namespace :thruster do
  namespace :assets do
    desc "Write compressed siblings (.br, .zst, .gz) of the assets, or of the files in [directory]; skips what is done"
    task :compress, [ :directory ] => :environment do |_, arguments|
      directory = arguments[:directory] || Thruster::Assets.of(Rails.application)
      Thruster::Assets::Run.new(Thruster::Assets.new(directory)).call
    rescue Thruster::NativeMissing => error
      puts "Assets are not compressed. #{error.message}"
    end
  end
end

# After the task that makes the assets. It may be defined after this file is read, but not after the environment.
compress = proc do
  next unless Rake::Task.task_defined?("assets:precompile")

  Rake::Task["assets:precompile"].enhance do
    Rake::Task["thruster:assets:compress"].invoke if Thruster::Assets.wanted?(Rails.application)
  end
end
Rake::Task.task_defined?("assets:precompile") ? compress.call : task(:environment, &compress)
