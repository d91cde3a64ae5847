# frozen_string_literal: true

require "thruster/gemfile"

RSpec.describe Thruster::Gemfile do
  def adopted(text)
    described_class.new(text).adopted
  end

  {
    %(gem "thruster"\n) => %(gem "thruster-rs"\n),
    %(gem 'thruster', require: false\n) => %(gem 'thruster-rs'\n),
    %(gem("thruster", "~> 0.1", require: false)\n) => %(gem("thruster-rs")\n),
    %(gem "thruster", :require => false\n) => %(gem "thruster-rs"\n),
    %(gem "thruster", ">= 0.1", "< 1", group: :production\n) => %(gem "thruster-rs", group: :production\n),
    %(gem "thruster",\n  require: false, # later\n  platforms: %i[ mri ]\n) => %(gem "thruster-rs", # later\n  platforms: %i[ mri ]\n),
    %(gem "thruster", github: "basecamp/thruster", branch: "main"\n) => %(gem "thruster-rs"\n),
    %(gem "thruster", require: false if ENV["PROXY"]\n) => %(gem "thruster-rs" if ENV["PROXY"]\n),
    %(gem "thruster", require: false # in front\n) => %(gem "thruster-rs" # in front\n),
    %(group(:production) { gem "thruster", require: false }\n) => %(group(:production) { gem "thruster-rs" }\n),
    %(group :production do\n  gem "thruster"\nend\n) => %(group :production do\n  gem "thruster-rs"\nend\n),
    %(# Größe\ngem "thruster", require: false # ß\n) => %(# Größe\ngem "thruster-rs" # ß\n),
    %(# Acceleration for Puma [https://github.com/basecamp/thruster/]\ngem "thruster"\n) =>
      %(# Acceleration for Puma [https://github.com/thruster-rs/thruster-rs]\ngem "thruster-rs"\n)
  }.each do |before, after|
    it "puts thruster-rs in the place of #{before.inspect}" do
      expect(adopted(before)).to eq(after)
      expect(adopted(after)).to eq(after)
    end
  end

  {
    %(gem "thruster-rs", require: false\n) => %(gem "thruster-rs"\n),
    %(gem "thruster-rs", "~> 0.1", require: false, group: :web\n) => %(gem "thruster-rs", "~> 0.1", group: :web\n),
    %(gem "thruster-rs", path: "../rs", require: []\n) => %(gem "thruster-rs", path: "../rs"\n)
  }.each do |before, after|
    it "has Bundler load #{before.inspect}" do
      expect(described_class.new(before)).not_to be_required
      expect(adopted(before)).to eq(after)
      expect(described_class.new(after)).to be_required
    end
  end

  it "drops thruster, with the comment that Rails wrote, where thruster-rs stands already" do
    text = <<~RUBY
      gem "puma"

      # Add HTTP asset caching/compression and X-Sendfile acceleration to Puma [https://github.com/basecamp/thruster/]
      gem "thruster", require: false

      gem "thruster-rs", "~> 0.1"
      gem "rails"
    RUBY

    expect(adopted(text)).to eq(%(gem "puma"\n\ngem "thruster-rs", "~> 0.1"\ngem "rails"\n))
  end

  it "leaves alone what only looks like it" do
    text = <<~RUBY
      # gem "thruster", require: false
      puts 'gem "thruster"'
      other.gem "thruster"
      gem "thruster-extras", require: false
      gem name
    RUBY

    expect(adopted(text)).to eq(text)
    expect(described_class.new(text)).not_to be_declares("thruster")
  end

  it "appends a line to a Gemfile that has neither" do
    text = described_class.new(%(gem "rails")).appended

    expect(text).to start_with(%(gem "rails"\n\n#)).and end_with(%(\ngem "thruster-rs"\n))
  end
end
