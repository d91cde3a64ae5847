# frozen_string_literal: true

require "thruster/dockerfile"

RSpec.describe Thruster::Dockerfile do
  {
    %(CMD ["./bin/rails", "server"]\n) => %(CMD ["./bin/thrust", "./bin/rails", "server"]\n),
    %(CMD [ "bin/rails", "s", "-b", "0.0.0.0" ]\n) => %(CMD [ "./bin/thrust", "bin/rails", "s", "-b", "0.0.0.0" ]\n),
    %(CMD ["bundle", "exec", "puma", "-C", "config/puma.rb"]) =>
      %(CMD ["./bin/thrust", "bundle", "exec", "puma", "-C", "config/puma.rb"]),
    %(cmd ["./bin/rails", \\\n     "server"]\n) => %(cmd ["./bin/thrust", "./bin/rails", \\\n     "server"]\n),
    %(CMD bin/rails server\n) => %(CMD ./bin/thrust bin/rails server\n),
    %(FROM a AS b\nEXPOSE 3000\nFROM b\nEXPOSE 3000\nCMD ["puma"]\n) =>
      %(FROM a AS b\nEXPOSE 3000\nFROM b\nEXPOSE 80\nCMD ["./bin/thrust", "puma"]\n),
    %(CMD ["irb"]\nFROM b\nCMD ["puma"]\n) => %(CMD ["irb"]\nFROM b\nCMD ["./bin/thrust", "puma"]\n)
  }.each do |bare, wrapped|
    it "puts thrust before #{bare.inspect}, and takes it away again" do
      expect(described_class.new(bare).wrapped).to eq(wrapped)
      expect(described_class.new(wrapped).wrapped).to eq(wrapped)
      expect(described_class.new(wrapped).bare).to eq(bare)
      expect(described_class.new(bare).bare).to eq(bare)
    end
  end

  {
    %(CMD ["./bin/thrust", "./bin/rails", "server"]) => :wrapped,
    %(CMD ["bundle", "exec", "thrust", "puma"]) => :wrapped,
    %(CMD ["bin/rails", "server", "-p", "80"]) => :pinned,
    %(CMD bundle exec puma -b tcp://0.0.0.0:8080) => :pinned,
    %(CMD ["bin/jobs"]) => :other,
    %(CMD ["bin/entrust"]) => :other,
    %(CMD ["bin/rails", "console"]) => :other,
    %(ENTRYPOINT ["bin/rails", "server"]) => :none,
    %(# CMD ["puma"]) => :none
  }.each do |text, kind|
    it "takes #{text.inspect} for #{kind}" do
      expect(described_class.new(text).kind).to eq(kind)
      expect(described_class.new(text).wrapped).to eq(text)
    end
  end
end
