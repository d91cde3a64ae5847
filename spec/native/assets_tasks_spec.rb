# frozen_string_literal: true

require "rake"

RSpec.describe "rake thruster:assets:compress", :native do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  before do
    options = Struct.new(:compress_assets).new(true)
    config = Struct.new(:assets, :thruster).new(Struct.new(:prefix).new("/assets"), options)
    stub_const "Rails", Struct.new(:application).new(Struct.new(:config, :paths).new(config, { "public" => [ File.join(@root, "public") ] }))
    stub_const "ENV", ENV.to_h.except("THRUSTER_COMPRESS_ASSETS_ENABLED")
    @before = Rake.application
    Rake.application = Rake::Application.new
  end

  after { Rake.application = @before }

  # What Propshaft defines.
  def define_precompile
    Rake::Task.define_task("assets:precompile" => "environment") { put "public/assets/app-0123abcd.css" }
  end

  def load_tasks
    Rake.load_rakefile File.join(PROJECT, "lib/thruster/tasks/assets.rake")
    Rake::Task.define_task("environment")
  end

  def put(name)
    path = File.join(@root, name)
    FileUtils.mkdir_p File.dirname(path)
    File.write path, "a { color: red }\n" * 100
  end

  def siblings
    Dir[File.join(@root, "**/*.{br,zst,gz}")].map { File.basename(_1) }.sort
  end

  COMPRESSED = %w[app-0123abcd.css.br app-0123abcd.css.gz app-0123abcd.css.zst].freeze

  it "comes after assets:precompile" do
    define_precompile
    load_tasks

    expect { Rake::Task["assets:precompile"].invoke }.to output(/: 1 file, 3 written/).to_stdout
    expect(siblings).to eq(COMPRESSED)
  end

  it "comes after it also when that is defined later" do
    load_tasks
    define_precompile

    expect { Rake::Task["assets:precompile"].invoke }.to output(/: 1 file, 3 written/).to_stdout
    expect(siblings).to eq(COMPRESSED)
  end

  it "does not come by itself when it is switched off, by the environment or by the app; on demand it does" do
    define_precompile
    load_tasks
    ENV["THRUSTER_COMPRESS_ASSETS_ENABLED"] = "0"
    Rake::Task["assets:precompile"].invoke
    ENV.delete("THRUSTER_COMPRESS_ASSETS_ENABLED")
    Rails.application.config.thruster.compress_assets = false
    Rake::Task["assets:precompile"].tap(&:reenable).invoke

    expect(siblings).to be_empty
    expect { Rake::Task["thruster:assets:compress"].invoke }.to output(/3 written/).to_stdout
    expect(siblings).to eq(COMPRESSED)
  end

  it "takes another directory" do
    load_tasks
    put "public/packs/app-0123abcd.css"

    expect { Rake::Task["thruster:assets:compress"].invoke(File.join(@root, "public/packs")) }.to output(/3 written/).to_stdout
    expect(siblings).to eq(COMPRESSED)
  end

  it "says that nothing is compressed when the extension is missing, and fails nothing" do
    define_precompile
    load_tasks
    allow(Thruster::Native).to receive(:needed_for).and_raise(Thruster::NativeMissing, "The compression needs it.")

    expect { Rake::Task["assets:precompile"].invoke }.to output("Assets are not compressed. The compression needs it.\n").to_stdout
    expect(siblings).to be_empty
  end
end
