# frozen_string_literal: true

RSpec.describe "The pages" do
  shipped = Gem::Specification.load(File.join(PROJECT, "thruster-rs.gemspec")).files

  Dir[File.join(PROJECT, "{*,bench/*,docs/*}.md")].each do |page|
    name = page.delete_prefix("#{PROJECT}/")

    it "link to what is there: #{name}" do
      missing = links_of(page).reject { |link| File.exist?(File.expand_path(link, File.dirname(page))) }

      expect(missing).to be_empty
    end
  end

  it "are in the gem, with the files that docs show" do
    examples = Dir[File.join(PROJECT, "docs/*/*")].map { |file| file.delete_prefix("#{PROJECT}/") }

    expect(shipped).to include("README.md", "UPGRADING.md", "CHANGELOG.md", "docs/life-of-the-process.md", *examples)
  end

  # Targets of Markdown links, without those to the web and to headings.
  def links_of(page)
    links = File.read(page).scan(/\]\(([^)\s]+)\)/).flatten
    links.grep_v(/\Ahttps?:/).map { |link| link.sub(/#.*/, "") }.reject(&:empty?)
  end
end
